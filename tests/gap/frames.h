/* Frames with a number in them: written whole, and found again in whatever arrives. */
#pragma once

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAGIC "netctl#\n"
#define ROOM 128 /* no frame is longer */

enum { FORWARD = 0, BACK = 1 };

/* Big-endian, so that a filter on the way can look for one number. */
struct numbered {
	char magic[8];
	uint32_t flow;
	uint32_t direction;
	uint64_t number;
} __attribute__((packed));

struct frame {
	unsigned length;
	uint8_t octets[ROOM];
};

struct end {
	uint8_t mac[6];
	uint8_t address[16];
	uint16_t port;
};

static uint32_t sum_up(const void *data, unsigned length, uint32_t sum)
{
	const uint8_t *octets = data;

	for (unsigned i = 0; i < length; i++)
		sum += i & 1 ? octets[i] : (uint32_t)octets[i] << 8;
	return sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

/* The headers' lengths and sums, for a frame whose addresses, ports and payload are right. */
static void finish(struct frame *frame, bool ipv6, int protocol)
{
	uint8_t *network = frame->octets + ETHER_HDR_LEN;
	unsigned header = ipv6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	uint8_t *transport = network + header;
	unsigned length = frame->length - ETHER_HDR_LEN - header;
	uint32_t sum = length + protocol;

	if (ipv6) {
		struct ip6_hdr *ip = (void *)network;

		ip->ip6_plen = htons(length);
		ip->ip6_hlim = 64;
		sum = sum_up(&ip->ip6_src, 32, sum);
	} else {
		struct iphdr *ip = (void *)network;

		ip->tot_len = htons(length + header);
		ip->ttl = 64;
		ip->check = 0;
		ip->check = folded(sum_up(ip, header, 0));
		sum = sum_up(&ip->saddr, 8, sum);
	}
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)transport;

		tcp->check = 0;
		tcp->check = folded(sum_up(transport, length, sum));
	} else {
		struct udphdr *udp = (void *)transport;

		udp->len = htons(length);
		udp->check = 0;
		udp->check = folded(sum_up(transport, length, sum)) ?: 0xffff;
	}
}

static void write_frame(struct frame *frame, bool ipv6, int protocol, const struct end *from, const struct end *to,
			bool opens, const struct numbered *payload)
{
	uint8_t *at = frame->octets;

	memset(frame, 0, sizeof(*frame));
	memcpy(at, to->mac, 6);
	memcpy(at + 6, from->mac, 6);
	*(uint16_t *)(at + 12) = htons(ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	at += ETHER_HDR_LEN;
	if (ipv6) {
		struct ip6_hdr *ip = (void *)at;

		ip->ip6_flow = htonl(6u << 28);
		ip->ip6_nxt = protocol;
		memcpy(&ip->ip6_src, from->address, 16);
		memcpy(&ip->ip6_dst, to->address, 16);
		at += sizeof(*ip);
	} else {
		struct iphdr *ip = (void *)at;

		ip->version = 4;
		ip->ihl = 5;
		ip->frag_off = htons(IP_DF);
		ip->protocol = protocol;
		memcpy(&ip->saddr, from->address, 4);
		memcpy(&ip->daddr, to->address, 4);
		at += sizeof(*ip);
	}
	((uint16_t *)at)[0] = htons(from->port);
	((uint16_t *)at)[1] = htons(to->port);
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)at;

		tcp->doff = 5;
		tcp->syn = opens;
		tcp->ack = !opens;
		tcp->psh = !opens;
		tcp->window = htons(65535);
		at += sizeof(*tcp);
	} else {
		at += sizeof(struct udphdr);
	}
	memcpy(at, payload, sizeof(*payload));
	frame->length = at + sizeof(*payload) - frame->octets;
	finish(frame, ipv6, protocol);
}

/* The number in a frame, NULL where it has none. */
static struct numbered *find_number(struct frame *frame)
{
	bool ipv6 = *(uint16_t *)(frame->octets + 12) == htons(ETHERTYPE_IPV6);
	unsigned at = ETHER_HDR_LEN + (ipv6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
	int protocol = frame->octets[ETHER_HDR_LEN + (ipv6 ? 6 : 9)];
	struct numbered *found;

	at += protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	if (at + sizeof(*found) > frame->length)
		return NULL;
	found = (void *)(frame->octets + at);
	return memcmp(found->magic, MAGIC, sizeof(found->magic)) ? NULL : found;
}

static void swap_octets(uint8_t *left, uint8_t *right, unsigned length)
{
	for (unsigned i = 0; i < length; i++) {
		uint8_t octet = left[i];

		left[i] = right[i];
		right[i] = octet;
	}
}

/* The same frame on its way back: everything is taken from what arrived, whatever was translated on the way. */
static void turn_round(struct frame *frame, struct numbered *payload)
{
	bool ipv6 = *(uint16_t *)(frame->octets + 12) == htons(ETHERTYPE_IPV6);
	uint8_t *network = frame->octets + ETHER_HDR_LEN;
	uint8_t *transport = network + (ipv6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr));
	int protocol = network[ipv6 ? 6 : 9];

	swap_octets(frame->octets, frame->octets + 6, 6);
	if (ipv6)
		swap_octets(network + 8, network + 24, 16);
	else
		swap_octets(network + 12, network + 16, 4);
	swap_octets(transport, transport + 2, 2);
	if (protocol == IPPROTO_TCP)
		((struct tcphdr *)transport)->ack = 1;
	payload->direction = htonl(BACK);
	frame->length = (uint8_t *)(payload + 1) - frame->octets;
	finish(frame, ipv6, protocol);
}
