/* What a policy says: (protocol, port) -> class, then (identity, class), else (any, class). */
#pragma once

#include "events.h"
#include "peers.h"

static __always_inline __u32 protocol_row(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return ROW_TCP;
	case IPPROTO_UDP:
		return ROW_UDP;
	case IPPROTO_SCTP:
		return ROW_SCTP;
	case IPPROTO_ICMP:
		return ROW_ICMP;
	default:
		return ROW_ICMPV6;
	}
}

/* The entry of an identity is complete: it contains what is said of any. */
static __always_inline const struct verdict *find_verdict(void *table, const struct verdict_key *of)
{
	struct verdict_key key = *of;
	const struct verdict *verdict = bpf_map_lookup_elem(table, &key);

	if (verdict || key.identity == IDENTITY_ANY)
		return verdict;
	key.identity = IDENTITY_ANY;
	return bpf_map_lookup_elem(table, &key);
}

/* Which class a port has; false if there is no such policy. */
static __always_inline bool classify(const struct packet *p, __u32 number, __u32 port, __u16 *class, __u32 *flags)
{
	__u32 slot = p->slot, page_number;
	__u64 row;
	void *policy_table = bpf_map_lookup_elem(&policies, &slot);
	void *page_table = bpf_map_lookup_elem(&pages, &slot);
	struct policy *policy;
	struct page *page;

	if (!policy_table || !page_table)
		return false;
	policy = bpf_map_lookup_elem(policy_table, &number);
	if (!policy)
		return false;
	row = protocol_row(p->protocol) << 8 | (port >> 8 & 255);
	/* kernel 6.1 loses the bounds of an OR, and clang drops a test that it knows the answer to */
	asm volatile("" : "+r"(row));
	if (row >= ROWS * 256)
		return false;
	page_number = policy->page[row];
	page = bpf_map_lookup_elem(page_table, &page_number);
	if (!page)
		return false;
	*class = page->class[port & 255];
	*flags = policy->flags;
	return true;
}

static __always_inline void say(struct decision *d, const struct verdict *verdict)
{
	if (!verdict)
		return;
	/* deny beats allow */
	if (verdict->outcome == OUTCOME_DENY)
		d->reason = DENIED_BY_RULE;
	else if (d->reason == DENIED_BY_DEFAULT)
		d->reason = PASSED_NEW;
	else
		return;
	d->rule = verdict->rule;
}

/* Asks policy d->policy whether `other`, at `address`, may use `port`; answers in d->reason and d->rule. */
APART int ask_policy(const struct packet *p, const struct peer *other, const struct address *address,
				 __u32 port, struct decision *d)
{
	struct verdict_key key = {};
	const struct block *block;
	__u32 slot, flags = 0;
	void *table;

	if (!p || !other || !address || !d)
		return 0;
	d->reason = DENIED_BY_DEFAULT;
	slot = p->slot;
	table = bpf_map_lookup_elem(&verdicts, &slot);
	if (!table || !classify(p, d->policy, port, &key.class, &flags))
		return 0;
	key.policy = d->policy;
	key.identity = other->identity;
	say(d, find_verdict(table, &key));
	/* hosts are known by what they are, never by address: their narrowest block is the world's */
	if (!(flags & POLICY_BY_BLOCK) || d->reason == DENIED_BY_RULE || other->identity < IDENTITY_FIRST)
		return 0;
	block = find_block(p, address);
	if (!block || !block->identity || block->identity == other->identity)
		return 0;
	key.identity = block->identity;
	say(d, find_verdict(table, &key));
	return 0;
}
