/* Reading headers. Each function returns 0, or the reason why the packet is dropped. */
#pragma once

#include "packet.h"

#define IPV6_HOP_BY_HOP 0
#define IPV6_FRAGMENT 44
#define IPV6_DESTINATION_OPTIONS 60
#define MAX_EXTENSIONS 4
#define IPV4_MORE 0x2000
#define IPV4_OFFSET 0x1fff
#define ICMP_HEADER 8

static __always_inline bool is_transport(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static __always_inline __u16 header_size(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? 20 : protocol == IPPROTO_SCTP ? 12 : 8;
}

/* The identifier stands at the requester's end, so that a request in the other direction is another connection. */
static __always_inline void parse_icmp(struct packet *p, const __u8 *header)
{
	__u8 type = header[0];
	__u16 identifier = header[4] << 8 | header[5];
	bool request = type == (p->is_ipv6 ? 128 : 8);
	bool reply = type == (p->is_ipv6 ? 129 : 0);
	bool error = p->is_ipv6 ? type >= 1 && type <= 4 : type == 3 || type == 11 || type == 12;

	p->port = type;
	p->source_port = request ? identifier : 0;
	p->destination_port = reply ? identifier : 0;
	p->kind = error ? KIND_RELATED : request || reply ? KIND_ORDINARY : KIND_SINGLE;
}

static __always_inline int parse_transport(struct __sk_buff *skb, struct packet *p)
{
	__u8 *header = packet_start(skb) + (p->transport & (HEADERS - 1));
	void *end = packet_end(skb);
	__u16 need = header_size(p->protocol);
	int shorter = p->more_fragments ? FRAGMENT_SHORT : TRUNCATED;

	if (p->payload < need || (void *)(header + 8) > end)
		return shorter;
	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6) {
		parse_icmp(p, header);
		return 0;
	}
	p->source_port = header[0] << 8 | header[1];
	p->destination_port = header[2] << 8 | header[3];
	p->port = p->destination_port;
	if (p->protocol == IPPROTO_TCP) {
		if ((void *)(header + 20) > end)
			return shorter;
		p->tcp_flags = header[13];
		need = header[12] >> 4 << 2;
		if (need < 20)
			return BAD_HEADER;
		if (p->payload < need)
			return shorter;
	}
	return 0;
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr *ip = packet_start(skb) + ETH_HLEN;
	__u16 header, total, fragment;

	if (!ipv4_enabled)
		return FAMILY_OFF;
	if ((void *)(ip + 1) > packet_end(skb))
		return TRUNCATED;
	header = ip->ihl << 2;
	if (ip->version != 4 || header < 20)
		return BAD_HEADER;
	map_ipv4(&p->source, ip->saddr);
	map_ipv4(&p->destination, ip->daddr);
	p->protocol = ip->protocol;
	p->hop_limit = ip->ttl;
	p->transport = ETH_HLEN + header;
	total = bpf_ntohs(ip->tot_len);
	/* 0: a segmented packet of more than 64 KiB */
	p->payload = total ? total - header : 0xffff;
	if (total && total < header)
		return BAD_HEADER;
	if (ip->protocol == IPPROTO_ICMPV6 || !is_transport(ip->protocol))
		return UNKNOWN_PROTOCOL;
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & (IPV4_MORE | IPV4_OFFSET)) {
		p->more_fragments = !!(fragment & IPV4_MORE);
		p->fragment_offset = (fragment & IPV4_OFFSET) << 3;
		p->fragment_id = bpf_ntohs(ip->id);
		if (p->fragment_offset) {
			p->kind = KIND_LATER;
			return 0;
		}
	}
	return parse_transport(skb, p);
}

static __always_inline int parse_extension(struct __sk_buff *skb, struct packet *p, __u8 kind, __u16 *length)
{
	__u8 *header = packet_start(skb) + (p->transport & (HEADERS - 1));
	__u16 fragment;

	if ((void *)(header + 8) > packet_end(skb))
		return TRUNCATED;
	p->protocol = header[0];
	*length = 8;
	if (kind != IPV6_FRAGMENT) {
		*length = (header[1] + 1) << 3;
		return 0;
	}
	if (p->more_fragments || p->fragment_offset)
		return FRAGMENT_OVERLAP;
	fragment = header[2] << 8 | header[3];
	p->more_fragments = fragment & 1;
	p->fragment_offset = fragment & ~7;
	p->fragment_id = header[4] << 24 | header[5] << 16 | header[6] << 8 | header[7];
	return 0;
}

/* Routing headers are not walked over: they change the destination after the policy was asked. */
static __noinline int parse_extensions(struct __sk_buff *skb, struct packet *p)
{
	__u16 length = 0;
	int refused;

#pragma unroll
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		__u8 kind = p->protocol;

		if (is_transport(kind))
			break;
		if (kind != IPV6_HOP_BY_HOP && kind != IPV6_DESTINATION_OPTIONS && kind != IPV6_FRAGMENT)
			return UNKNOWN_EXTENSION;
		refused = parse_extension(skb, p, kind, &length);
		if (refused)
			return refused;
		if (length > p->payload || p->transport + length > HEADERS - 20)
			return UNKNOWN_EXTENSION;
		p->transport += length;
		p->payload -= length;
		if (p->fragment_offset) {
			/* what follows is the middle of the packet */
			p->kind = KIND_LATER;
			return is_transport(p->protocol) ? 0 : UNKNOWN_EXTENSION;
		}
	}
	return is_transport(p->protocol) ? 0 : UNKNOWN_EXTENSION;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6hdr *ip = packet_start(skb) + ETH_HLEN;
	const __u32 *from;
	int refused;

	if (!ipv6_enabled)
		return FAMILY_OFF;
	if ((void *)(ip + 1) > packet_end(skb))
		return TRUNCATED;
	if (ip->version != 6)
		return BAD_HEADER;
	from = (const __u32 *)&ip->saddr;
	join(&p->source, from[0], from[1], from[2], from[3]);
	join(&p->destination, from[4], from[5], from[6], from[7]);
	/* these stand for IPv4 in the tables */
	if (is_ipv4(&p->source) || is_ipv4(&p->destination))
		return BAD_HEADER;
	p->is_ipv6 = 1;
	p->protocol = ip->nexthdr;
	p->hop_limit = ip->hop_limit;
	p->transport = ETH_HLEN + sizeof(*ip);
	p->payload = bpf_ntohs(ip->payload_len);
	if (!p->payload)
		p->payload = 0xffff;
	if (!is_transport(p->protocol)) {
		refused = parse_extensions(skb, p);
		if (refused || p->kind == KIND_LATER)
			return refused;
	}
	if (p->protocol == IPPROTO_ICMP)
		return UNKNOWN_PROTOCOL;
	return parse_transport(skb, p);
}

/* An IP packet; the caller has dealt with everything else. */
static __always_inline int parse(struct __sk_buff *skb, struct packet *p)
{
	p->length = skb->len;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, p);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, p);
	return UNKNOWN_ETHERTYPE;
}
