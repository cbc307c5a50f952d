/* ARP and ND: only between an endpoint and its own host. Both sides are permanent neighbours, so little of it is seen. */
#pragma once

#include "parse.h"
#include "peers.h"

#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136

struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
};

static __always_inline bool same_octets(const __u8 *a, const __u8 *b, int length)
{
	__u8 difference = 0;

#pragma unroll
	for (int i = 0; i < length; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

static __always_inline bool is_own_host(struct packet *p, const struct address *address)
{
	struct peer *peer = find_peer(p, address);

	return peer && peer->identity == IDENTITY_HOST;
}

/* Reads ARP into the packet's ends, so that an event can say who asked for whom. */
static __always_inline int parse_arp(struct __sk_buff *skb, struct packet *p, struct arp *arp)
{
	__be32 target, sender;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, arp, sizeof(*arp)))
		return TRUNCATED;
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_length != 6 ||
	    arp->protocol_length != 4)
		return BAD_HEADER;
	__builtin_memcpy(&sender, arp->sender, 4);
	__builtin_memcpy(&target, arp->target, 4);
	map_ipv4(&p->source, sender);
	map_ipv4(&p->destination, target);
	return 0;
}

static __noinline int arp_from_endpoint(struct __sk_buff *skb, struct packet *p, const struct endpoint *self)
{
	struct arp arp;
	__u8 source[6];
	int refused = parse_arp(skb, p, &arp);

	if (refused)
		return refused;
	if (bpf_skb_load_bytes(skb, 6, source, sizeof(source)) || !same_octets(source, self->mac, 6) ||
	    !same_octets(arp.sender_mac, self->mac, 6))
		return FORGED_MAC;
	if (!same_octets(arp.sender, self->ipv4, 4))
		return FORGED_ADDRESS;
	return is_own_host(p, &p->destination) ? 0 : FOREIGN_NEIGHBOUR;
}

static __noinline int arp_to_endpoint(struct __sk_buff *skb, struct packet *p, const struct endpoint *self)
{
	struct arp arp;
	int refused = parse_arp(skb, p, &arp);

	if (refused)
		return refused;
	return !skb->ingress_ifindex && same_octets(arp.target, self->ipv4, 4) ? 0 : FOREIGN_NEIGHBOUR;
}

/* Router and multicast listener messages count as neighbours' talk too; none of it passes. */
static __always_inline bool is_neighbour_talk(const struct packet *p)
{
	return p->protocol == IPPROTO_ICMPV6 && p->kind == KIND_SINGLE &&
	       ((p->port >= 130 && p->port <= 137) || p->port == 143);
}

static __always_inline int solicited(struct __sk_buff *skb, struct packet *p, struct address *target)
{
	if (p->hop_limit != 255 || (p->port != ND_SOLICITATION && p->port != ND_ADVERTISEMENT))
		return FOREIGN_NEIGHBOUR;
	return bpf_skb_load_bytes(skb, p->transport + ICMP_HEADER, target, sizeof(*target)) ? TRUNCATED : 0;
}

static __noinline int nd_from_endpoint(struct __sk_buff *skb, struct packet *p, const struct endpoint *self)
{
	struct address target;
	int refused = solicited(skb, p, &target);

	if (refused)
		return refused;
	if (!same_octets(p->source.octets, self->ipv6, 16))
		return FOREIGN_NEIGHBOUR;
	if (p->port == ND_ADVERTISEMENT)
		return is_own_host(p, &p->destination) && same_address(&target, &p->source) ? 0 : FOREIGN_NEIGHBOUR;
	return is_own_host(p, &target) ? 0 : FOREIGN_NEIGHBOUR;
}

static __noinline int nd_to_endpoint(struct __sk_buff *skb, struct packet *p, const struct endpoint *self)
{
	struct address target;
	int refused = solicited(skb, p, &target);

	if (refused)
		return refused;
	if (skb->ingress_ifindex)
		return FOREIGN_NEIGHBOUR;
	if (p->port == ND_ADVERTISEMENT)
		return same_octets(p->destination.octets, self->ipv6, 16) ? 0 : FOREIGN_NEIGHBOUR;
	return same_octets(target.octets, self->ipv6, 16) ? 0 : FOREIGN_NEIGHBOUR;
}
