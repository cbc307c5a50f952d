/* A packet as the programs see it: its headers read once, in host order, and who is at its two ends. */
#pragma once

#include "config.h"
#include "maps.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#define HEADERS 128 /* what is made linear, and how far extension headers may reach */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* Bits of skb->mark that are netctl's; the others are kept. Cleared on entry from any device. The same mask as
 * Cilium's, and none of kube-proxy's bits.
 */
#define MARK_MASK 0x0f00
#define MARK_JUDGED 0x0100 /* a program sent it to this device: the device's own egress program lets it pass */
#define MARK_DIRECT 0x0200 /* a reply to who reached the endpoint by its own address: may leave under it */

/* A function that the verifier reads once, alone, instead of on every path that leads to it: without this, paths multiply
 * beyond its limit. Its arguments are memory that may be NULL; it cannot take a ctx, which needs the kernel's own BTF.
 */
#define APART __attribute__((noinline))

enum kind {
	KIND_ORDINARY = 0,
	KIND_RELATED = 1, /* an ICMP error: addresses and ports are those of the packet it is about, turned round */
	KIND_SINGLE = 2,  /* an ICMP message that is no part of a connection */
	KIND_LATER = 3,	  /* a fragment without ports of its own */
};

struct packet {
	struct address source;
	struct address destination;
	struct peer from;
	struct peer to;
	__u32 slot;
	__u32 epoch;
	__u32 length;
	__u32 fragment_id;
	__u16 source_port;
	__u16 destination_port;
	__u16 port; /* what a policy is asked about: the destination port, or the ICMP type */
	__u16 endpoint;
	__u16 transport; /* offset of the transport header */
	__u16 fragment_offset;
	__u16 payload; /* octets from the transport header on */
	__u8 more_fragments;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 kind;
	__u8 is_ipv6;
	__u8 is_direct; /* a reply in a connection that was opened from the uplink */
	__u8 point;
	__u8 hop_limit;
};

/* Volatile assembly, because clang otherwise adds to the ctx pointer before it reads, which the verifier refuses. */
#define CONTEXT_POINTER(skb, field)                                                                                 \
	({                                                                                                          \
		__u64 value;                                                                                        \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                                               \
			     : "=r"(value)                                                                          \
			     : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, field)));                         \
		(void *)value;                                                                                      \
	})

static __always_inline void *packet_start(struct __sk_buff *skb)
{
	return CONTEXT_POINTER(skb, data);
}

static __always_inline void *packet_end(struct __sk_buff *skb)
{
	return CONTEXT_POINTER(skb, data_end);
}

static __always_inline void make_linear(struct __sk_buff *skb)
{
	__u32 linear = packet_end(skb) - packet_start(skb);

	if (linear < HEADERS && linear < skb->len)
		bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
}

static __always_inline void clear_mark(struct __sk_buff *skb)
{
	if (skb->mark & MARK_MASK)
		skb->mark &= ~MARK_MASK;
}

static __always_inline void set_mark(struct __sk_buff *skb, __u32 bits)
{
	skb->mark = (skb->mark & ~MARK_MASK) | bits;
}

/* In whole words: what is written in pieces and read as one waits until it has left the store buffer. */
static __always_inline __u64 two(__u32 first, __u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)second << 32 | first;
#else
	return (__u64)first << 32 | second;
#endif
}

static __always_inline void join(struct address *address, __u32 a, __u32 b, __u32 c, __u32 d)
{
	volatile __u64 *half = (__u64 *)address;

	half[0] = two(a, b);
	half[1] = two(c, d);
}

static __always_inline void map_ipv4(struct address *address, __be32 ipv4)
{
	join(address, 0, 0, bpf_htonl(0xffff), ipv4);
}

static __always_inline bool is_ipv4(const struct address *address)
{
	const __u64 *half = (const __u64 *)address;
	const __u32 *words = (const __u32 *)address;

	return half[0] == 0 && words[2] == bpf_htonl(0xffff);
}

static __always_inline bool same_address(const struct address *a, const struct address *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

/* Multicast, broadcast, loopback, unspecified and link-local addresses: none of them is ever routed to an endpoint. */
static __always_inline bool is_unicast(const struct address *address)
{
	const __u32 *words = (const __u32 *)address;
	__u32 first = bpf_ntohl(words[0]);

	if (is_ipv4(address)) {
		__u32 ipv4 = bpf_ntohl(words[3]);

		return ipv4 >> 28 != 0xe && ipv4 >> 28 != 0xf && ipv4 >> 24 != 0 && ipv4 >> 24 != 127 &&
		       ipv4 >> 16 != 0xa9fe;
	}
	return first >> 24 != 0xff && first >> 22 != 0xfe80 >> 6 && (first | words[1] | words[2]);
}

/* Reads the generation word: once, before anything else. */
static __always_inline bool read_generation(struct packet *p)
{
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&generation, &zero);
	__u64 active;

	if (!word)
		return false;
	active = *(volatile __u64 *)word;
	p->slot = active & 0xff;
	p->epoch = active >> 8 & 0xffffff;
	return active >> 8 != 0;
}

static __always_inline const struct settings *host_settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}
