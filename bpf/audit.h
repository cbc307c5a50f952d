/* Audit: the policies of an endpoint are tried before they bite. What they deny is told of and let through. */
#pragma once

#include "packet.h"

#define JUDGED_AUDITED (JUDGED_INITIATOR_AUDITED | JUDGED_RESPONDER_AUDITED)

static __always_inline bool is_audited(__u32 number)
{
	const struct endpoint *endpoint = bpf_map_lookup_elem(&endpoints, &number);

	return endpoint && endpoint->flags & ENDPOINT_AUDITED;
}

/* Which ends of a connection are audited now, as judged_flags. Whoever is no endpoint of this host has number 0. */
APART int audited_ends(__u32 initiator, __u32 responder)
{
	return (is_audited(initiator) ? JUDGED_INITIATOR_AUDITED : 0) |
	       (is_audited(responder) ? JUDGED_RESPONDER_AUDITED : 0);
}

/* Whether a decision still holds that was remembered: where a policy denied, as long as the same ends are audited.
 * Where every policy allowed nobody needs to know.
 */
static __always_inline bool holds(__u8 flags, __u32 owner, __u32 peer)
{
	bool own = flags & JUDGED_OWN;

	if ((flags & (JUDGED_ALLOW | JUDGED_AUDITED)) == JUDGED_ALLOW)
		return true;
	return audited_ends(own ? owner : peer, own ? peer : owner) == (flags & JUDGED_AUDITED);
}
