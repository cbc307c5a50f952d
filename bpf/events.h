/* What is told: counters always, events to whoever listens. */
#pragma once

#include "packet.h"

static __always_inline void count(struct packet *p, __u32 reason, __u32 direction)
{
	__u32 index = reason * DIRECTIONS + direction;
	struct counter *counter = bpf_map_lookup_elem(&counters, &index);

	if (counter) {
		counter->packets += 1;
		counter->octets += p->length;
	}
}

/* What a policy said, or that none was asked. */
struct decision {
	__u32 rule;
	__u16 policy;
	__u16 endpoint; /* whose policy */
	__u8 direction;
	__u8 reason;
	__u8 type;
	bool denied;  /* by a policy at least, if not by what came of it */
	__u8 audited; /* where one denied: which ends are audited, as judged_flags */
};

static __always_inline void fill_event(struct event *event, const struct packet *p, const struct decision *d)
{
	event->time = bpf_ktime_get_ns();
	event->source = p->source;
	event->destination = p->destination;
	event->source_identity = p->from.identity;
	event->destination_identity = p->to.identity;
	event->rule = d->rule;
	event->epoch = p->epoch;
	event->length = p->length;
	event->source_port = p->source_port;
	event->destination_port = p->port;
	event->endpoint = d->endpoint;
	event->policy = d->policy;
	event->protocol = p->protocol;
	event->type = d->type;
	event->direction = d->direction;
	event->reason = d->reason;
	event->point = p->point;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
}

APART int tell(const struct packet *p, const struct decision *d)
{
	if (!p || !d)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < MAX_LISTENERS; i++) {
		__u32 index = i;
		void *ring = bpf_map_lookup_elem(&listeners, &index);
		struct event *event;

		if (!ring)
			continue;
		event = bpf_ringbuf_reserve(ring, sizeof(*event), 0);
		if (!event)
			continue;
		fill_event(event, p, d);
		bpf_ringbuf_submit(event, 0);
	}
	return 0;
}

APART int tell_drop(struct packet *p, struct decision *d)
{
	if (!p || !d)
		return TC_ACT_SHOT;
	d->type = EVENT_DROP;
	tell(p, d);
	count(p, d->reason, d->direction);
	return TC_ACT_SHOT;
}

/* Drops for a reason that is no policy's. */
static __always_inline int drop(struct packet *p, __u32 reason, __u32 direction)
{
	struct decision d = {.reason = reason, .direction = direction, .endpoint = p->endpoint};

	return tell_drop(p, &d);
}

static __always_inline void trace(struct packet *p, __u32 reason, __u32 direction)
{
	__u32 zero = 0;
	__u32 *wanted = bpf_map_lookup_elem(&tracing, &zero);

	if (wanted && *wanted) {
		struct decision d = {
			.reason = reason, .direction = direction, .endpoint = p->endpoint, .type = EVENT_TRACE};

		tell(p, &d);
	}
}

static __always_inline void passed(struct packet *p, __u32 reason, __u32 direction)
{
	count(p, reason, direction);
	trace(p, reason, direction);
}
