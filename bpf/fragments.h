/* Fragments: the first one has the ports, and the later ones are what it was. */
#pragma once

#include "packet.h"

#define FRAGMENT_LIFETIME 30

static __always_inline bool starts_fragments(const struct packet *p)
{
	return p->more_fragments && !p->fragment_offset && p->kind == KIND_ORDINARY;
}

static __always_inline void fragment_key(const struct packet *p, struct fragment_key *key)
{
	key->source = p->source;
	key->destination = p->destination;
	key->id = p->fragment_id;
	key->endpoint = p->endpoint;
	key->protocol = p->protocol;
	key->pad = 0;
}

/* After it was allowed: a first fragment that was dropped leaves nothing for the later ones to follow. */
APART int remember_fragment(const struct packet *p)
{
	struct fragment_key key;
	struct fragment fragment = {};

	if (!p)
		return 0;
	fragment_key(p, &key);
	fragment.expires = bpf_jiffies64() + FRAGMENT_LIFETIME * (__u64)ticks_per_second;
	fragment.source_port = p->source_port;
	fragment.destination_port = p->destination_port;
	fragment.port = p->port;
	fragment.length = p->payload;
	bpf_map_update_elem(&fragments, &key, &fragment, BPF_ANY);
	return 0;
}

APART int recall_fragment(struct packet *p)
{
	struct fragment_key key;
	struct fragment *fragment;

	if (!p)
		return FRAGMENT_UNKNOWN;
	/* inside the transport header: it would be written again behind the policy's back */
	if (p->fragment_offset < (p->protocol == IPPROTO_TCP ? 20 : 8))
		return FRAGMENT_OVERLAP;
	fragment_key(p, &key);
	fragment = bpf_map_lookup_elem(&fragments, &key);
	if (!fragment || (__s64)(fragment->expires - bpf_jiffies64()) < 0)
		return FRAGMENT_UNKNOWN;
	if (p->fragment_offset < fragment->length)
		return FRAGMENT_OVERLAP;
	p->source_port = fragment->source_port;
	p->destination_port = fragment->destination_port;
	p->port = fragment->port;
	p->kind = KIND_ORDINARY;
	return 0;
}
