/* On the host side of each endpoint's device: what the endpoint sends (from), what the host's stack sends it (to). */
#include "deliver.h"
#include "errors.h"
#include "events.h"
#include "fragments.h"
#include "judge.h"
#include "neighbours.h"
#include "parse.h"

static __always_inline const struct endpoint *find_self(struct __sk_buff *skb, struct packet *p)
{
	__u32 device = skb->ifindex, place = device & (MAX_ENDPOINTS - 1);
	__u32 *hint = bpf_map_lookup_elem(&hints, &place), *number, guess;
	const struct endpoint *self;

	if (!hint)
		return NULL;
	guess = *hint;
	self = bpf_map_lookup_elem(&endpoints, &guess);
	if (!self || self->ifindex != device) {
		number = bpf_map_lookup_elem(&devices, &device);
		if (!number)
			return NULL;
		guess = *number;
		self = bpf_map_lookup_elem(&endpoints, &guess);
		if (!self || self->ifindex != device)
			return NULL;
		*hint = guess;
	}
	p->endpoint = guess;
	return self;
}

static __always_inline bool is_own_address(const struct endpoint *self, const struct packet *p,
					   const struct address *address)
{
	const __u32 *words = (const __u32 *)address;

	if (!p->is_ipv6)
		return words[3] == *(const __u32 *)self->ipv4;
	return words[0] == *(const __u32 *)self->ipv6 && words[1] == *(const __u32 *)(self->ipv6 + 4) &&
	       words[2] == *(const __u32 *)(self->ipv6 + 8) && words[3] == *(const __u32 *)(self->ipv6 + 12);
}

static __always_inline int check_source(struct __sk_buff *skb, const struct packet *p, const struct endpoint *self)
{
	const __u8 *ethernet = packet_start(skb);

	if ((void *)(ethernet + ETH_HLEN) > packet_end(skb))
		return TRUNCATED;
	if (*(const __u32 *)(ethernet + 6) != *(const __u32 *)self->mac ||
	    *(const __u16 *)(ethernet + 10) != *(const __u16 *)(self->mac + 4))
		return FORGED_MAC;
	return is_own_address(self, p, &p->source) ? 0 : FORGED_ADDRESS;
}

/* Where the packet goes, and whether an endpoint may send there at all. */
APART int check_destination(struct packet *p)
{
	const struct settings *host = host_settings();
	int known;

	if (!p)
		return NO_TABLES;
	if (!is_unicast(&p->destination))
		return NOT_UNICAST;
	if (network_mode == MODE_OVERLAY && p->protocol == IPPROTO_UDP && host &&
	    p->destination_port == host->tunnel_port)
		return TUNNEL_PORT;
	if (!has_tables(p))
		return NO_TABLES;
	if (resolve(p, &p->source, &p->from) != KNOWN || p->from.endpoint != p->endpoint)
		return UNKNOWN_SOURCE;
	known = resolve(p, &p->destination, &p->to);
	return known == KNOWN_NOBODY ? NO_SUCH_ENDPOINT : 0;
}

static __always_inline int send_on(struct __sk_buff *skb, struct packet *p, int reason)
{
	int action = TC_ACT_UNSPEC, refused = 0;

	if (p->to.endpoint)
		refused = deliver(skb, p, p->to.endpoint, &action);
	else if (network_mode == MODE_OVERLAY && p->to.host)
		refused = encapsulate(skb, p, &action);
	else if (p->is_direct || p->to.host)
		refused = leave(skb, p, &action);
	if (refused)
		return drop(p, refused, DIRECTION_EGRESS);
	if (starts_fragments(p))
		remember_fragment(p);
	passed(p, reason, DIRECTION_EGRESS);
	return action;
}

/* The sender's table first; then the destination's, if it is on this host: a reply to who lives next door. */
static __always_inline enum memory recall_sent(struct packet *p, struct recalled *r)
{
	enum memory memory = recall(p, p->endpoint, true, r);
	const struct peer *to;

	if (memory != ABSENT) {
		set_peer(&p->to, peer_word(&r->peer));
		p->from.identity = r->own_identity;
		return memory;
	}
	to = find_peer(p, &p->destination);
	if (!to || !to->endpoint)
		return ABSENT;
	memory = recall(p, to->endpoint, false, r);
	if (memory != ABSENT && r->peer.endpoint != p->endpoint)
		return ABSENT;
	p->to = *to;
	p->from.identity = r->peer.identity;
	return memory;
}

static __always_inline int judge_sent(struct __sk_buff *skb, struct packet *p)
{
	int refused = check_destination(p), reason;

	if (refused)
		return drop(p, refused, DIRECTION_EGRESS);
	reason = judge(p);
	if (reason >= DENIED_BY_RULE)
		return TC_ACT_SHOT;
	return send_on(skb, p, reason);
}

static __always_inline int check_frame(struct __sk_buff *skb, struct packet *p, const struct endpoint *self)
{
	int refused;

	if (skb->vlan_present || skb->protocol == bpf_htons(ETH_P_8021Q) || skb->protocol == bpf_htons(ETH_P_8021AD))
		return VLAN_TAG;
	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return arp_from_endpoint(skb, p, self) ?: -PASSED_NEIGHBOUR;
	refused = parse(skb, p);
	if (refused)
		return refused;
	if (is_neighbour_talk(p)) {
		refused = nd_from_endpoint(skb, p, self);
		if (refused)
			return refused;
		return check_source(skb, p, self) ?: -PASSED_NEIGHBOUR;
	}
	refused = check_source(skb, p, self);
	if (!refused && p->kind == KIND_LATER)
		refused = recall_fragment(p);
	if (!refused && p->kind == KIND_RELATED)
		refused = read_error(skb, p);
	return refused;
}

SEC("tc") int from_endpoint(struct __sk_buff *skb)
{
	struct packet p = {.point = POINT_FROM_ENDPOINT, .length = skb->len};
	bool ready = read_generation(&p);
	const struct endpoint *self = find_self(skb, &p);
	struct recalled r;
	int refused, reason;

	clear_mark(skb);
	if (!self)
		return drop(&p, UNKNOWN_DEVICE, DIRECTION_EGRESS);
	make_linear(skb);
	refused = ready ? check_frame(skb, &p, self) : NO_TABLES;
	if (refused == -PASSED_NEIGHBOUR) {
		passed(&p, PASSED_NEIGHBOUR, DIRECTION_EGRESS);
		return TC_ACT_UNSPEC;
	}
	if (refused)
		return drop(&p, refused, DIRECTION_EGRESS);
	if (p.kind != KIND_ORDINARY || recall_sent(&p, &r) != SAME_EPOCH)
		return judge_sent(skb, &p);
	reason = established(&p, &r);
	if (reason != PASSED_ESTABLISHED)
		return TC_ACT_SHOT;
	p.is_direct = is_direct(&r);
	return send_on(skb, &p, reason);
}

/* Whether a socket of this host sent it. The kernel forgets where a forwarded IPv6 packet came in when it cuts it anew:
 * of fragments only those count that belong to a socket.
 */
static __always_inline bool is_generated(struct __sk_buff *skb, const struct packet *p)
{
	return !skb->ingress_ifindex && (skb->sk || !(p->more_fragments || p->fragment_offset));
}

/* Who sends by way of the host's stack. Identity host is what was generated here, whatever its source address says. */
static __always_inline int check_sender(struct __sk_buff *skb, struct packet *p)
{
	int known;

	if (is_generated(skb, p)) {
		p->from.identity = IDENTITY_HOST;
		return 0;
	}
	known = resolve(p, &p->source, &p->from);
	if (known == KNOWN_NOBODY || (known == KNOWN && p->from.identity >= IDENTITY_FIRST))
		return FORGED_ENDPOINT;
	if (p->from.identity == IDENTITY_HOST)
		return FORGED_HOST;
	if (p->from.identity == IDENTITY_REMOTE_NODE && in_ranges(p, &p->source))
		return FORGED_ENDPOINT;
	p->from.host = 0;
	return 0;
}

static __always_inline int let_in(struct packet *p, int reason)
{
	if (starts_fragments(p))
		remember_fragment(p);
	passed(p, reason, DIRECTION_INGRESS);
	return TC_ACT_UNSPEC;
}

static __always_inline int judge_forwarded(struct __sk_buff *skb, struct packet *p)
{
	int refused = has_tables(p) ? check_sender(skb, p) : NO_TABLES, reason;

	if (!refused && p->kind == KIND_RELATED) {
		refused = read_error(skb, p);
		/* it speaks of a connection with somebody else than its sender, whom packets reach the same way */
		resolve(p, &p->source, &p->from);
		if (!refused && skb->ingress_ifindex && check_sender(skb, p))
			refused = UNRELATED_ERROR;
	}
	if (!refused && (resolve(p, &p->destination, &p->to) != KNOWN || p->to.endpoint != p->endpoint))
		refused = NO_SUCH_ENDPOINT;
	if (refused)
		return drop(p, refused, DIRECTION_INGRESS);
	reason = judge(p);
	return reason < DENIED_BY_RULE ? let_in(p, reason) : TC_ACT_SHOT;
}

static __always_inline int check_arrival(struct __sk_buff *skb, struct packet *p, const struct endpoint *self)
{
	int refused;

	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return arp_to_endpoint(skb, p, self) ?: -PASSED_NEIGHBOUR;
	refused = parse(skb, p);
	if (refused)
		return refused;
	if (is_neighbour_talk(p))
		return nd_to_endpoint(skb, p, self) ?: -PASSED_NEIGHBOUR;
	if (!is_own_address(self, p, &p->destination))
		return NOT_FOR_ENDPOINT;
	return p->kind == KIND_LATER ? recall_fragment(p) : 0;
}

SEC("tc") int to_endpoint(struct __sk_buff *skb)
{
	struct packet p = {.point = POINT_TO_ENDPOINT, .length = skb->len};
	bool ready = read_generation(&p);
	const struct endpoint *self = find_self(skb, &p);
	struct recalled r = {};
	int refused;

	if (!self)
		return drop(&p, UNKNOWN_DEVICE, DIRECTION_INGRESS);
	/* to a device elsewhere no program sends by way of this hook: the mark is somebody else's */
	if (skb->mark & MARK_JUDGED && self->flags & ENDPOINT_SAME_NETNS) {
		clear_mark(skb);
		return TC_ACT_UNSPEC;
	}
	make_linear(skb);
	refused = ready ? check_arrival(skb, &p, self) : NO_TABLES;
	if (refused == -PASSED_NEIGHBOUR) {
		passed(&p, PASSED_NEIGHBOUR, DIRECTION_INGRESS);
		return TC_ACT_UNSPEC;
	}
	if (refused)
		return drop(&p, refused, DIRECTION_INGRESS);
	if (p.kind != KIND_ORDINARY || recall(&p, p.endpoint, false, &r) != SAME_EPOCH || r.peer.endpoint ||
	    r.peer.host || (r.peer.identity == IDENTITY_HOST && !is_generated(skb, &p)))
		return judge_forwarded(skb, &p);
	p.from.identity = r.peer.identity;
	p.to.identity = r.own_identity;
	return established(&p, &r) == PASSED_ESTABLISHED ? let_in(&p, PASSED_ESTABLISHED) : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
