/* Numbered packets both ways, and exactly which of them arrived.
 *
 * Usage: stream CONFIGURATION PACKETS-PER-SECOND-OF-EACH-FLOW CPU
 *
 * The configuration has lines `door NETNS-PATH DEVICE` and
 * `flow FROM-DOOR TO-DOOR PROTOCOL FROM-ADDRESS TO-ADDRESS FROM-PORT TO-PORT PORTS FROM-MAC NEXT-HOP-MAC`.
 * A flow sends numbered packets; each one that arrives is sent back with its number. With more than one source port each
 * packet with an even number begins a connection, and the next odd one is the second and last of one begun a while before.
 *
 * Frames are written to packet sockets and read from them, on the endpoint's own device: no stack in between answers,
 * retransmits or queues. Whoever runs this keeps the stacks from answering.
 *
 * On stdin `window RULES` ends a window of time and begins the next; there is a letter for each flow: `m` must arrive,
 * `n` must never arrive, `e` either, `f` must arrive and is also the fence of its path. On stdout comes a line of JSON
 * about the window that has ended. `end` ends the last one.
 *
 * What makes the count exact: all is one thread on one CPU, so that the kernel's queues on the way are in order; a turn
 * sends few packets and ends when those that must arrive are back, so that no queue can overflow; a window ends when
 * packets sent behind all others have come back on every path, so that nothing of it is still under way.
 */
#define _GNU_SOURCE
#include "flows.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#define MOST 12		     /* packets of one flow in one turn */
#define PATIENCE 0.1	     /* seconds without progress, after which a turn gives up */
#define LAST_PATIENCE 1.0    /* and a window */
#define LOST_FENCE 5.0

static int64_t given_up; /* of what must come back */
static double window_began;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec * 1e-9;
}

/* Reads all that has arrived and sends it back, until nothing more has; whether there was anything. */
static bool drain(void)
{
	static struct frame frames[BATCH];
	bool any = false, more = true;

	while (more) {
		more = false;
		for (int i = 0; i < door_count; i++) {
			struct mmsghdr messages[BATCH] = {};
			struct iovec parts[BATCH];
			int count;

			for (int k = 0; k < BATCH; k++) {
				parts[k] = (struct iovec){frames[k].octets, ROOM};
				messages[k].msg_hdr.msg_iov = &parts[k];
				messages[k].msg_hdr.msg_iovlen = 1;
			}
			count = recvmmsg(doors[i].socket, messages, BATCH, MSG_DONTWAIT, NULL);
			for (int k = 0; k < count; k++) {
				frames[k].length = messages[k].msg_len;
				take(i, &frames[k]);
			}
			more |= count > 0;
		}
		for (int i = 0; i < door_count; i++)
			if (doors[i].queued)
				flush(&doors[i]);
		any |= more;
	}
	return any;
}

static bool wait_for(double seconds, bool commands)
{
	struct pollfd watched[DOORS + 1];
	struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (seconds - (time_t)seconds) * 1e9};

	for (int i = 0; i < door_count; i++)
		watched[i + 1] = (struct pollfd){.fd = doors[i].socket, .events = POLLIN};
	watched[0] = (struct pollfd){.fd = commands ? STDIN_FILENO : -1, .events = POLLIN};
	watched[0].revents = 0;
	ppoll(watched, door_count + 1, &time, NULL);
	return watched[0].revents;
}

/* Until everything that must come back is back, or nothing more has come for `patience` seconds. */
static void settle(double patience)
{
	double since = now();

	for (int i = 0; i < door_count; i++)
		flush(&doors[i]);
	while (drain() || outstanding > given_up) {
		int64_t before = outstanding;

		if (outstanding <= given_up)
			break;
		wait_for(patience / 10, false);
		drain();
		if (outstanding != before)
			since = now();
		else if (now() - since > patience)
			break;
	}
	if (outstanding > given_up)
		given_up = outstanding;
}

static void fence(void)
{
	double began = now();
	bool whole = false;

	for (int i = 0; i < flow_count; i++)
		if (flows[i].rule == 'f')
			send_one(i);
	for (int i = 0; i < door_count; i++)
		flush(&doors[i]);
	while (!whole && now() - began < LOST_FENCE) {
		if (!drain())
			wait_for(0.01, false);
		whole = true;
		for (int i = 0; i < flow_count; i++)
			if (flows[i].rule == 'f' && !(flows[i].seen[flows[i].next - 1 - flows[i].base] & RETURNED))
				whole = false;
	}
}

/* Numbers of a window that lack one thing although they have another: how many, the first and the last. */
static void say_fault(const char *what, int index, uint8_t lacking, uint8_t having, bool *any)
{
	struct flow *flow = &flows[index];
	uint64_t count = 0, first = 0, last = 0;

	for (uint64_t at = 0; at < flow->next - flow->base; at++) {
		if ((flow->seen[at] & having) == having && !(flow->seen[at] & lacking)) {
			first = count ? first : at;
			last = at;
			count++;
		}
	}
	if (!count)
		return;
	printf("%s{\"flow\": %d, \"what\": \"%s\", \"count\": %lu, \"first\": %lu, \"last\": %lu, \"number\": %lu}",
	       *any ? ", " : "", index, what, count, first, last, flow->base + first);
	*any = true;
}

static void report(void)
{
	uint64_t overrun = 0;
	bool any = false;

	for (int i = 0; i < door_count; i++) {
		struct tpacket_stats stats = {};
		socklen_t length = sizeof(stats);

		getsockopt(doors[i].socket, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
		overrun += stats.tp_drops;
	}
	printf("{\"seconds\": %.6f, \"late\": %lu, \"twice\": %lu, \"astray\": %lu, \"resent\": %lu, \"overrun\": %lu, ",
	       now() - window_began, late, twice, astray, resent, overrun);
	printf("\"flows\": [");
	for (int i = 0; i < flow_count; i++)
		printf("%s[%lu, %lu, %lu]", i ? ", " : "", flows[i].next - flows[i].base, flows[i].arrived,
		       flows[i].returned);
	printf("], \"faults\": [");
	for (int i = 0; i < flow_count; i++) {
		if (is_must(&flows[i])) {
			say_fault("lost", i, ARRIVED, 0, &any);
			say_fault("lost on the way back", i, RETURNED, ARRIVED, &any);
		} else if (flows[i].rule == 'n') {
			say_fault("passed", i, 0, ARRIVED, &any);
		}
	}
	printf("]}\n");
	fflush(stdout);
}

static void end_window(const char *rules)
{
	settle(PATIENCE);
	fence();
	fence();
	given_up = 0;
	settle(LAST_PATIENCE);
	report();
	for (int i = 0; i < flow_count; i++) {
		struct flow *flow = &flows[i];

		if (flow->room)
			memset(flow->seen, 0, flow->next - flow->base);
		flow->base = flow->next;
		flow->arrived = 0;
		flow->returned = 0;
		flow->rule = rules ? rules[i] : 'e';
	}
	late = twice = astray = resent = 0;
	outstanding = given_up = 0;
	window_began = now();
}

static void read_mac(const char *text, uint8_t *mac)
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
		die(text);
}

static void read_configuration(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512], a[160], b[160], mac[32], next_hop[32];

	if (!file)
		die(path);
	while (fgets(line, sizeof(line), file)) {
		struct flow *flow = &flows[flow_count];

		if (sscanf(line, "door %159s %159s", a, b) == 2) {
			open_door(a, b);
		} else if (flow_count < FLOWS &&
			   sscanf(line, "flow %d %d %d %159s %159s %hu %hu %u %31s %31s", &flow->from, &flow->to,
				  &flow->protocol, a, b, &flow->source.port, &flow->destination.port, &flow->ports, mac,
				  next_hop) == 10) {
			flow->ipv6 = strchr(a, ':');
			flow->rule = 'e';
			if (inet_pton(flow->ipv6 ? AF_INET6 : AF_INET, a, flow->source.address) != 1 ||
			    inet_pton(flow->ipv6 ? AF_INET6 : AF_INET, b, flow->destination.address) != 1 ||
			    !flow->ports || flow->from >= door_count || flow->to >= door_count)
				die(line);
			read_mac(mac, flow->source.mac);
			read_mac(next_hop, flow->destination.mac);
			flow_count++;
		} else {
			die(line);
		}
	}
	fclose(file);
}

/* One packet of each flow after the other, as many as are due. A turn that comes late makes up for little of it. */
static void turn(double *credit, double *last)
{
	double time = now();
	int count;

	*credit += (time - *last) * rate;
	*last = time;
	if (*credit > MOST)
		*credit = MOST;
	count = *credit;
	*credit -= count;
	for (int k = 0; k < count; k++)
		for (int i = 0; i < flow_count; i++)
			send_one(i);
	if (count)
		settle(PATIENCE);
	else
		drain();
}

int main(int argc, char **argv)
{
	char *command = NULL;
	size_t room = 0;
	double credit = 0, last = now();
	cpu_set_t cpus;

	if (argc != 4 || (rate = atof(argv[2])) <= 0)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[3]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("stay on one CPU");
	read_configuration(argv[1]);
	setvbuf(stdin, NULL, _IONBF, 0);
	printf("ready\n");
	fflush(stdout);
	for (bool began = false;; began = true) {
		while (began && !wait_for(credit < 1 ? (1 - credit) / rate : 0, true))
			turn(&credit, &last);
		if (getline(&command, &room, stdin) <= 0)
			return 0;
		if (!strncmp(command, "window ", 7) && strlen(command + 7) == (size_t)flow_count + 1) {
			end_window(command + 7);
		} else if (!strcmp(command, "end\n")) {
			end_window(NULL);
			return 0;
		} else {
			errno = EINVAL;
			die(command);
		}
		last = now();
	}
}
