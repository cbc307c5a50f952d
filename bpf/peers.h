/* Who an address is, by the tables of the packet's generation. */
#pragma once

#include "packet.h"

enum known {
	KNOWN = 0,
	KNOWN_WORLD = 1,  /* by its block */
	KNOWN_NOBODY = 2, /* inside ranges.endpoints, but no endpoint has it */
	KNOWN_NOTHING = 3, /* there are no tables */
};

static __always_inline struct peer *find_peer(const struct packet *p, const struct address *address)
{
	__u32 slot = p->slot;
	void *table = bpf_map_lookup_elem(&addresses, &slot);
	/* on the stack: kernel 6.1 takes no key from the argument of a function apart */
	struct address key = *address;

	return table ? bpf_map_lookup_elem(table, &key) : NULL;
}

static __always_inline struct block *find_block(const struct packet *p, const struct address *address)
{
	__u32 slot = p->slot;
	void *table = bpf_map_lookup_elem(&blocks, &slot);
	struct block_key key = {.prefixlen = 128};

	if (!table)
		return NULL;
	__builtin_memcpy(key.address, address, sizeof(key.address));
	return bpf_map_lookup_elem(table, &key);
}

static __always_inline bool has_tables(const struct packet *p)
{
	__u32 slot = p->slot;

	return bpf_map_lookup_elem(&addresses, &slot) && bpf_map_lookup_elem(&blocks, &slot);
}

APART int in_ranges(const struct packet *p, const struct address *address)
{
	struct block *block;

	if (!p || !address)
		return 0;
	block = find_block(p, address);
	return block && block->flags & BLOCK_ENDPOINTS;
}

APART int resolve(const struct packet *p, const struct address *address, struct peer *who)
{
	struct peer *peer;
	struct block *block;

	if (!p || !address || !who)
		return KNOWN_NOTHING;
	peer = find_peer(p, address);
	if (peer) {
		*who = *peer;
		return KNOWN;
	}
	__builtin_memset(who, 0, sizeof(*who));
	block = find_block(p, address);
	who->identity = block && block->identity ? block->identity : IDENTITY_WORLD;
	if (block && block->flags & BLOCK_ENDPOINTS)
		return KNOWN_NOBODY;
	return KNOWN_WORLD;
}
