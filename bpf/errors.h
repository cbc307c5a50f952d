/* ICMP errors: they belong to the connection of the packet they carry. */
#pragma once

#include "parse.h"

struct inner {
	struct address source;
	struct address destination;
	__u8 protocol;
	__u16 transport;
};

static __always_inline int inner_ipv4(struct __sk_buff *skb, struct inner *inner, __u32 offset)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    ip.frag_off & bpf_htons(IPV4_OFFSET))
		return UNRELATED_ERROR;
	map_ipv4(&inner->source, ip.saddr);
	map_ipv4(&inner->destination, ip.daddr);
	inner->protocol = ip.protocol;
	inner->transport = offset + (ip.ihl << 2);
	return 0;
}

static __always_inline int inner_ipv6(struct __sk_buff *skb, struct inner *inner, __u32 offset)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 6)
		return UNRELATED_ERROR;
	__builtin_memcpy(&inner->source, &ip.saddr, sizeof(inner->source));
	__builtin_memcpy(&inner->destination, &ip.daddr, sizeof(inner->destination));
	if (is_ipv4(&inner->source) || is_ipv4(&inner->destination))
		return BAD_HEADER;
	inner->protocol = ip.nexthdr;
	inner->transport = offset + sizeof(ip);
	return 0;
}

/* Makes the packet the reply to the one it carries. Its own source was believed before. */
static __noinline int read_error(struct __sk_buff *skb, struct packet *p)
{
	struct inner inner = {};
	__u8 header[8];
	__u16 source_port;
	int refused;

	if (p->more_fragments)
		return UNRELATED_ERROR;
	if (p->is_ipv6)
		refused = inner_ipv6(skb, &inner, p->transport + ICMP_HEADER);
	else
		refused = inner_ipv4(skb, &inner, p->transport + ICMP_HEADER);
	if (refused)
		return refused;
	/* an error goes to who sent the packet; an endpoint routes nothing, so it speaks of what it got itself */
	if (!same_address(&inner.source, &p->destination))
		return UNRELATED_ERROR;
	if (p->point == POINT_FROM_ENDPOINT && !same_address(&inner.destination, &p->source))
		return FORGED_ADDRESS;
	if (!is_transport(inner.protocol) || bpf_skb_load_bytes(skb, inner.transport, header, sizeof(header)))
		return UNRELATED_ERROR;
	p->protocol = inner.protocol;
	if (inner.protocol == IPPROTO_ICMP || inner.protocol == IPPROTO_ICMPV6) {
		parse_icmp(p, header);
		if (p->kind != KIND_ORDINARY)
			return UNRELATED_ERROR;
	} else {
		p->source_port = header[0] << 8 | header[1];
		p->destination_port = header[2] << 8 | header[3];
		p->port = p->source_port;
	}
	source_port = p->source_port;
	p->source_port = p->destination_port;
	p->destination_port = source_port;
	p->source = inner.destination;
	p->kind = KIND_RELATED;
	return 0;
}
