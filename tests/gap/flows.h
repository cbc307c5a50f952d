/* Flows of numbered packets: what of each was sent, has arrived, has come back. */
#pragma once

#include "doors.h"
#include <endian.h>

#define FLOWS 256
#define A_WHILE 0.15 /* seconds from the first packet of a fresh connection to its second */

enum { ARRIVED = 1, RETURNED = 2 };

struct flow {
	int from, to, protocol;
	bool ipv6;
	struct end source, destination;
	unsigned ports;
	char rule;
	uint64_t base, next; /* numbers of this window: base <= number < next */
	uint64_t arrived, returned;
	uint8_t *seen;
	size_t room;
};

static struct flow flows[FLOWS];
static int flow_count;
static int64_t outstanding; /* packets that must come back */
static uint64_t late, twice, astray;
static double rate;

static bool is_must(const struct flow *flow)
{
	return flow->rule == 'm' || flow->rule == 'f';
}

static unsigned connection_of(const struct flow *flow, uint64_t number)
{
	uint64_t connection = number / 2, lag = rate * A_WHILE / 2;

	if (number & 1 && connection >= lag)
		connection -= lag;
	return connection % flow->ports;
}

static void send_one(int index)
{
	struct flow *flow = &flows[index];
	struct end source = flow->source;
	uint64_t at = flow->next - flow->base;
	struct numbered payload = {.flow = htonl(index), .direction = htonl(FORWARD), .number = htobe64(flow->next)};
	bool opens = flow->ports > 1 && !(flow->next & 1);

	if (at >= flow->room) {
		size_t room = flow->room ? 2 * flow->room : 4096;

		flow->seen = realloc(flow->seen, room);
		if (!flow->seen)
			die("remember");
		memset(flow->seen + flow->room, 0, room - flow->room);
		flow->room = room;
	}
	memcpy(payload.magic, MAGIC, sizeof(payload.magic));
	source.port += connection_of(flow, flow->next);
	write_frame(place(&doors[flow->from]), flow->ipv6, flow->protocol, &source, &flow->destination, opens, &payload);
	flow->next++;
	outstanding += is_must(flow);
}

static bool is_news(struct flow *flow, uint64_t number, uint8_t what)
{
	if (number < flow->base || number >= flow->next) {
		late++;
		return false;
	}
	if (flow->seen[number - flow->base] & what) {
		twice++;
		return false;
	}
	flow->seen[number - flow->base] |= what;
	return true;
}

static void take(int door, struct frame *frame)
{
	struct numbered *payload = find_number(frame);
	uint32_t index, direction;
	struct flow *flow;

	if (!payload)
		return;
	index = ntohl(payload->flow);
	direction = ntohl(payload->direction);
	flow = &flows[index];
	if (index >= (uint32_t)flow_count || door != (direction == FORWARD ? flow->to : flow->from)) {
		astray++;
		return;
	}
	if (!is_news(flow, be64toh(payload->number), direction == FORWARD ? ARRIVED : RETURNED))
		return;
	if (direction == BACK) {
		flow->returned++;
		outstanding -= is_must(flow);
		return;
	}
	flow->arrived++;
	turn_round(frame, payload);
	*place(&doors[flow->to]) = *frame;
}
