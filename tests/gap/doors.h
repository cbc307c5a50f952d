/* Packet sockets on devices in network namespaces, and the frames that wait to be written to them. */
#pragma once

#include "frames.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DOORS 32
#define BATCH 64

struct door {
	int socket;
	unsigned queued;
	struct frame queue[BATCH];
};

static struct door doors[DOORS];
static int door_count;
static uint64_t resent;

static void die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_door(const char *netns, const char *device)
{
	struct door *door = &doors[door_count++];
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = open(netns, O_RDONLY | O_CLOEXEC);
	int one = 1, room = 16 << 20;
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	if (door_count == DOORS || home < 0 || there < 0 || setns(there, CLONE_NEWNET))
		die(netns);
	/* no protocol until it is bound: nothing of other devices gets in */
	door->socket = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	address.sll_ifindex = if_nametoindex(device);
	if (door->socket < 0 || !address.sll_ifindex ||
	    setsockopt(door->socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(door->socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    bind(door->socket, (void *)&address, sizeof(address)))
		die(device);
	if (setns(home, CLONE_NEWNET))
		die("return home");
	close(home);
	close(there);
}

static void flush(struct door *door)
{
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];
	unsigned sent = 0, tries = 0;

	for (unsigned i = 0; i < door->queued; i++) {
		parts[i] = (struct iovec){door->queue[i].octets, door->queue[i].length};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (sent < door->queued) {
		int count = sendmmsg(door->socket, messages + sent, door->queued - sent, 0);

		if (count > 0) {
			sent += count;
			continue;
		}
		/* the device's own queue was full: this packet has not left */
		if ((errno != ENOBUFS && errno != EAGAIN && errno != EINTR) || ++tries > 2000)
			die("send");
		resent++;
		usleep(1000);
	}
	door->queued = 0;
}

static struct frame *place(struct door *door)
{
	if (door->queued == BATCH)
		flush(door);
	return &door->queue[door->queued++];
}
