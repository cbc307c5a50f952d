/* The slow path: who, by which policies, and what is remembered of it. Established connections do not come here. */
#pragma once

#include "connections.h"
#include "policy.h"

static __always_inline __u16 asked_port(const struct packet *p, bool from_initiator)
{
	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6) {
		if (from_initiator && p->kind != KIND_RELATED)
			return p->port;
		return p->protocol == IPPROTO_ICMP ? 8 : 128;
	}
	return from_initiator ? p->destination_port : p->source_port;
}

/* Asks one end's policy, d->policy; that of an endpoint which is not isolated is 0. */
static __always_inline void ask_end(struct packet *p, const struct peer *other, const struct address *address,
				    __u16 port, struct decision *d)
{
	d->rule = 0;
	d->reason = PASSED_NEW;
	if (d->policy)
		ask_policy(p, other, address, port, d);
	d->type = EVENT_VERDICT;
}

/* Whether the packet gets past the end that was asked: its policy allows, or is only tried. Who is audited is read once
 * in a decision, so that what is remembered is what was decided by.
 */
static __always_inline bool gets_past(struct packet *p, __u32 initiator, __u32 responder, bool tells,
				      struct decision *d)
{
	if (d->reason >= DENIED_BY_RULE) {
		if (!d->denied)
			d->audited = audited_ends(initiator, responder);
		d->denied = true;
		if (!(d->audited &
		      (d->direction == DIRECTION_EGRESS ? JUDGED_INITIATOR_AUDITED : JUDGED_RESPONDER_AUDITED)))
			return false;
		d->type = EVENT_AUDIT;
	}
	if (tells)
		tell(p, d);
	return true;
}

/* Both ends, as far as they are on this host, in the direction in which the connection was opened. */
static __always_inline void ask_both(struct packet *p, bool forward, bool tells, struct decision *d)
{
	struct peer *initiator = forward ? &p->from : &p->to, *responder = forward ? &p->to : &p->from;
	struct address *source = forward ? &p->source : &p->destination;
	struct address *destination = forward ? &p->destination : &p->source;
	__u16 port = asked_port(p, forward);

	if (initiator->endpoint) {
		d->direction = DIRECTION_EGRESS;
		d->endpoint = initiator->endpoint;
		d->policy = initiator->egress;
		ask_end(p, responder, destination, port, d);
		if (!gets_past(p, initiator->endpoint, responder->endpoint, tells, d))
			return;
	}
	if (responder->endpoint) {
		d->direction = DIRECTION_INGRESS;
		d->endpoint = responder->endpoint;
		/* a host always reaches its own endpoints */
		d->policy = initiator->identity == IDENTITY_HOST ? 0 : responder->ingress;
		ask_end(p, initiator, source, port, d);
		if (!gets_past(p, initiator->endpoint, responder->endpoint, tells, d))
			return;
	}
	d->reason = d->denied ? PASSED_AUDITED : PASSED_NEW;
}

static __always_inline enum memory recall_either(struct packet *p, struct recalled *r, __u32 *owner)
{
	enum memory memory = ABSENT;

	if (p->from.endpoint) {
		*owner = p->from.endpoint;
		memory = recall(p, *owner, true, r);
	}
	if (memory == ABSENT && p->to.endpoint) {
		*owner = p->to.endpoint;
		memory = recall(p, *owner, false, r);
		if (memory != ABSENT && r->peer.endpoint != p->from.endpoint)
			memory = ABSENT;
	}
	return memory;
}

static __always_inline int remember_new(struct packet *p, struct recalled *r, const struct decision *d)
{
	bool from_owner = p->from.endpoint;
	__u32 owner = from_owner ? p->from.endpoint : p->to.endpoint;

	connection_key(p, from_owner, &r->key);
	r->from_owner = from_owner;
	r->flags = JUDGED_ALLOW | d->audited | (from_owner ? JUDGED_OWN : p->point == POINT_FROM_UPLINK ? JUDGED_DIRECT : 0);
	r->peer = from_owner ? p->to : p->from;
	r->own_identity = from_owner ? p->from.identity : p->to.identity;
	return remember(p, owner, r) ? NO_TABLES : 0;
}

static __always_inline void remember_change(struct packet *p, struct recalled *r, const struct decision *d)
{
	bool allowed = d->reason < DENIED_BY_RULE;

	r->flags = (r->flags & ~(JUDGED_ALLOW | JUDGED_AUDITED)) | d->audited | (allowed ? JUDGED_ALLOW : 0);
	r->peer = r->from_owner ? p->to : p->from;
	r->own_identity = r->from_owner ? p->from.identity : p->to.identity;
	r->entry->rule = d->rule;
	r->entry->policy = d->policy;
	r->entry->direction = d->direction;
	r->entry->reason = d->reason;
	remember_again(p, r);
	if (allowed)
		keep_alive(p, r);
}

/* What the entry says of a denied connection is what a drop reports: nothing is asked again within an epoch. */
static __always_inline int drop_denied(struct packet *p, const struct recalled *r)
{
	struct decision d = {
		.rule = r->entry->rule,
		.policy = r->entry->policy,
		.direction = r->entry->direction & 1,
		.reason = r->entry->reason >= DENIED_BY_RULE ? r->entry->reason & (REASONS - 1) : DENIED_BY_DEFAULT,
		.endpoint = p->endpoint,
	};

	return tell_drop(p, &d);
}

/* Decides about p->from -> p->to. Returns a reason; if that is no PASSED one, the packet is told of and counted. */
APART int judge(struct packet *p)
{
	struct decision d = {};
	struct recalled r = {};
	enum memory memory = ABSENT;
	bool forward = true, changed = true;
	__u32 owner = 0;

	if (!p)
		return NO_TABLES;
	d.endpoint = p->endpoint;
	d.direction = p->point != POINT_FROM_ENDPOINT;
	if (p->kind != KIND_SINGLE)
		memory = recall_either(p, &r, &owner);
	if (memory == ABSENT && p->kind == KIND_RELATED) {
		d.reason = UNRELATED_ERROR;
		tell_drop(p, &d);
		return UNRELATED_ERROR;
	}
	if (memory != ABSENT) {
		struct peer *other = r.from_owner ? &p->to : &p->from;

		forward = from_initiator(&r);
		p->is_direct = is_direct(&r);
		/* generated here when it was opened, whatever address it came from: nobody else speaks for it */
		if (r.peer.identity == IDENTITY_HOST && !(r.flags & JUDGED_OWN)) {
			if (!r.from_owner && other->identity != IDENTITY_HOST) {
				d.reason = FORGED_HOST;
				tell_drop(p, &d);
				return FORGED_HOST;
			}
			other->identity = IDENTITY_HOST;
		}
		/* its way is the way it was opened, until the other end itself takes the tunnel */
		if (p->point == POINT_FROM_OVERLAY)
			r.flags &= ~JUDGED_DIRECT;
		else if (r.flags & JUDGED_DIRECT)
			other->host = 0;
		changed = memory == OTHER_EPOCH || r.peer.identity != other->identity;
	}
	ask_both(p, forward, changed && p->kind != KIND_RELATED, &d);
	if (p->kind == KIND_ORDINARY) {
		if (memory != ABSENT)
			remember_change(p, &r, &d);
		else if (d.reason < DENIED_BY_RULE && remember_new(p, &r, &d))
			d.reason = NO_TABLES;
	}
	if (d.reason >= DENIED_BY_RULE) {
		tell_drop(p, &d);
		return d.reason;
	}
	if (p->kind == KIND_RELATED)
		return PASSED_RELATED;
	return d.denied ? PASSED_AUDITED : memory == ABSENT ? PASSED_NEW : PASSED_AGAIN;
}

/* The fast path's end: a connection of the same epoch and peer. */
static __always_inline int established(struct packet *p, struct recalled *r)
{
	if (!(r->flags & JUDGED_ALLOW)) {
		drop_denied(p, r);
		return DENIED_BY_RULE;
	}
	keep_alive(p, r);
	return PASSED_ESTABLISHED;
}
