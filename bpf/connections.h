/* Connections: one entry serves both directions and remembers what was decided, under which epoch, about whom. */
#pragma once

#include "audit.h"
#include "packet.h"

#define LIFETIME_ESTABLISHED 8000
#define LIFETIME_OPENING 60
#define LIFETIME_CLOSING 10
#define LIFETIME_OTHER 60
#define STATE_CLOSED (STATE_OWN_CLOSED | STATE_PEER_CLOSED)

enum memory {
	ABSENT = 0,
	OTHER_EPOCH = 1, /* or other ends are audited */
	SAME_EPOCH = 2,
};

/* What one lookup found. `peer` and `own_identity` are copies that the check vouches for. */
struct recalled {
	struct connection_key key;
	struct peer peer;
	struct connection *entry;
	__u32 own_identity;
	__u8 flags;
	__u8 from_owner; /* the packet at hand */
};

static __always_inline void connection_key(const struct packet *p, bool from_owner, struct connection_key *key)
{
	key->peer = from_owner ? p->destination : p->source;
	/* own_port, peer_port, protocol and padding in one word */
	((volatile __u64 *)key)[2] = two((from_owner ? p->destination_port : p->source_port) << 16 |
					     (from_owner ? p->source_port : p->destination_port),
					 p->protocol);
}

/* An LRU element can be reused for another key under its reader: everything that matters goes into one word. */
static __always_inline __u64 check(const struct connection_key *key, __u64 peer, __u32 own_identity)
{
	const __u64 *words = (const __u64 *)key;
	__u64 sum = words[0] * 0x9e3779b97f4a7c15ULL + words[1] * 0xc2b2ae3d27d4eb4fULL +
		    words[2] * 0x165667b19e3779f9ULL + peer * 0xd6e8feb86659fd93ULL +
		    own_identity * 0xa0761d6478bd642fULL;

	return (sum ^ sum << 29) & 0xffffffff00000000ULL;
}

static __always_inline __u64 peer_word(const struct peer *peer)
{
	return (__u64)peer->endpoint << 48 | (__u64)peer->host << 32 | peer->identity;
}

/* Who and where, in one word; what else is known of a peer belongs to the slow path. */
static __always_inline void set_peer(struct peer *peer, __u64 word)
{
	*(volatile __u64 *)peer = word;
}

static __always_inline bool is_opening(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP && (p->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

static __always_inline bool from_initiator(const struct recalled *r)
{
	return !!(r->flags & JUDGED_OWN) == r->from_owner;
}

static __always_inline bool is_direct(const struct recalled *r)
{
	return r->flags & JUDGED_DIRECT && !from_initiator(r);
}

static __always_inline enum memory recall(const struct packet *p, __u32 owner, bool from_owner, struct recalled *r)
{
	void *table = bpf_map_lookup_elem(&connections, &owner);
	struct connection *entry;
	__u64 judged, peer;

	if (!table)
		return ABSENT;
	connection_key(p, from_owner, &r->key);
	entry = bpf_map_lookup_elem(table, &r->key);
	if (!entry)
		return ABSENT;
	judged = *(volatile __u64 *)&entry->judged;
	peer = *(volatile __u64 *)&entry->identity;
	r->own_identity = *(volatile __u32 *)&entry->own_identity;
	if ((judged ^ check(&r->key, peer, r->own_identity)) >> 32)
		return ABSENT;
	if ((__s64)(entry->expires - bpf_jiffies64()) < 0)
		return ABSENT;
	r->entry = entry;
	set_peer(&r->peer, peer);
	r->flags = judged;
	r->from_owner = from_owner;
	/* A SYN opens a connection of its own: against the direction of this one, or after its end. */
	if (is_opening(p) && (!from_initiator(r) || (entry->state & STATE_CLOSED) == STATE_CLOSED))
		return ABSENT;
	if (((judged >> 8) & 0xffffff) != p->epoch || !holds(judged, owner, r->peer.endpoint))
		return OTHER_EPOCH;
	return SAME_EPOCH;
}

static __always_inline __u32 next_state(const struct packet *p, __u32 state, bool from_owner)
{
	if (p->protocol != IPPROTO_TCP)
		return state;
	if (!(p->tcp_flags & TCP_SYN))
		state |= STATE_ESTABLISHED;
	if (p->tcp_flags & TCP_RST)
		state |= STATE_CLOSED;
	if (p->tcp_flags & TCP_FIN)
		state |= from_owner ? STATE_OWN_CLOSED : STATE_PEER_CLOSED;
	return state;
}

static __always_inline __u64 lifetime(const struct packet *p, __u32 state)
{
	__u64 seconds = LIFETIME_OTHER;

	if (p->protocol == IPPROTO_TCP)
		seconds = (state & STATE_CLOSED) == STATE_CLOSED ? LIFETIME_CLOSING
			  : state & STATE_ESTABLISHED		 ? LIFETIME_ESTABLISHED
								 : LIFETIME_OPENING;
	return seconds * ticks_per_second;
}

/* Writes at most once a second, unless the state moves: the entry's cache line stays shared between CPUs. */
static __always_inline void keep_alive(const struct packet *p, struct recalled *r)
{
	struct connection *entry = r->entry;
	__u32 state = next_state(p, entry->state, r->from_owner);
	__u64 expires = bpf_jiffies64() + lifetime(p, state);

	if (state != entry->state) {
		entry->state = state;
		entry->expires = expires;
	} else if (expires - entry->expires > ticks_per_second) {
		entry->expires = expires;
	}
}

static __always_inline __u64 judged_word(const struct packet *p, const struct recalled *r)
{
	return check(&r->key, peer_word(&r->peer), r->own_identity) | (__u64)p->epoch << 8 | r->flags;
}

/* A decision made again, in place: the word last, so that a reader sees all of it or nothing. */
static __always_inline void remember_again(const struct packet *p, const struct recalled *r)
{
	struct connection *entry = r->entry;

	*(volatile __u64 *)&entry->identity = peer_word(&r->peer);
	*(volatile __u32 *)&entry->own_identity = r->own_identity;
	*(volatile __u64 *)&entry->judged = judged_word(p, r);
}

static __always_inline long remember(const struct packet *p, __u32 owner, struct recalled *r)
{
	void *table = bpf_map_lookup_elem(&connections, &owner);
	struct connection entry = {};

	if (!table)
		return -1;
	entry.judged = judged_word(p, r);
	entry.identity = r->peer.identity;
	entry.host = r->peer.host;
	entry.endpoint = r->peer.endpoint;
	entry.own_identity = r->own_identity;
	entry.state = next_state(p, 0, r->from_owner);
	entry.expires = bpf_jiffies64() + lifetime(p, entry.state);
	return bpf_map_update_elem(table, &r->key, &entry, BPF_ANY);
}
