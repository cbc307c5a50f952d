/* What comes from elsewhere, for an endpoint of this host: common to the overlay and the uplink. */
#pragma once

#include "deliver.h"
#include "errors.h"
#include "fragments.h"
#include "judge.h"

/* An ICMP error. The packet's own source was believed before. */
static __noinline int check_special(struct __sk_buff *skb, struct packet *p)
{
	int refused = 0;

	if (p->kind == KIND_RELATED) {
		refused = read_error(skb, p);
		if (!refused)
			resolve(p, &p->source, &p->from);
	}
	return refused;
}

static __always_inline int hand_over(struct __sk_buff *skb, struct packet *p, int reason)
{
	int action = TC_ACT_SHOT;
	int refused = deliver(skb, p, p->endpoint, &action);

	if (refused)
		return drop(p, refused, DIRECTION_INGRESS);
	if (starts_fragments(p))
		remember_fragment(p);
	passed(p, reason, DIRECTION_INGRESS);
	return action;
}
