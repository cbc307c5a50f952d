/* Where an allowed packet goes: into an endpoint, into a tunnel. The host's stack is TC_ACT_UNSPEC.
 *
 * Each function returns 0 and sets the action, or returns the reason why the packet is dropped.
 */
#pragma once

#include "packet.h"

/* One router's hop, as the stack would count it. */
static __always_inline int hop(struct __sk_buff *skb, const struct packet *p)
{
	void *start = packet_start(skb), *end = packet_end(skb);

	if (p->hop_limit <= 1)
		return TTL_EXCEEDED;
	if (p->is_ipv6) {
		struct ipv6hdr *ip = start + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return TRUNCATED;
		ip->hop_limit -= 1;
		/* IPv6 has no header checksum that would keep the sum a device computed */
		bpf_csum_update(skb, ~(__u32)bpf_htons(1));
	} else {
		struct iphdr *ip = start + ETH_HLEN;
		__u32 sum;

		if ((void *)(ip + 1) > end)
			return TRUNCATED;
		sum = ip->check + bpf_htons(0x0100);
		ip->check = sum + (sum >= 0xffff);
		ip->ttl -= 1;
	}
	return 0;
}

static __always_inline int deliver(struct __sk_buff *skb, const struct packet *p, __u32 number, int *action)
{
	struct endpoint *to = bpf_map_lookup_elem(&endpoints, &number);
	__u8 *ethernet;
	int refused;

	if (!to || !to->ifindex)
		return NO_SUCH_ENDPOINT;
	refused = hop(skb, p);
	if (refused)
		return refused;
	ethernet = packet_start(skb);
	if ((void *)(ethernet + ETH_HLEN) > packet_end(skb))
		return TRUNCATED;
	/* mac and host_mac are the destination and source of this header; by twos, as strict alignment wants it */
#pragma unroll
	for (int i = 0; i < 6; i++)
		((__u16 *)ethernet)[i] = ((const __u16 *)to->mac)[i];
	if (to->flags & ENDPOINT_SAME_NETNS) {
		set_mark(skb, MARK_JUDGED);
		*action = bpf_redirect(to->ifindex, 0);
	} else {
		*action = bpf_redirect_peer(to->ifindex, 0);
	}
	return 0;
}

static __always_inline const struct host *find_host(const struct packet *p, __u32 number)
{
	__u32 slot = p->slot;
	void *table = bpf_map_lookup_elem(&hosts, &slot);

	return table ? bpf_map_lookup_elem(table, &number) : NULL;
}

static __always_inline int set_tunnel(struct __sk_buff *skb, const struct packet *p, __u32 identity, __u32 number)
{
	const struct host *host = find_host(p, number);
	const __u32 *words = (const __u32 *)host;
	struct bpf_tunnel_key key = {.tunnel_id = identity, .tunnel_ttl = 64};
	__u64 flags = BPF_F_ZERO_CSUM_TX;

	if (!host || !(words[0] | words[1] | words[2] | words[3]))
		return NO_TUNNEL;
	if (is_ipv4(&host->underlay)) {
		key.remote_ipv4 = bpf_ntohl(words[3]);
	} else {
		__builtin_memcpy(key.remote_ipv6, words, sizeof(key.remote_ipv6));
		flags = BPF_F_TUNINFO_IPV6;
	}
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags) ? NO_TUNNEL : 0;
}

/* By the uplink under its own address, where the host's routes lead, but past its stack: conntrack sees only one half of
 * such a connection, for the other half is delivered by the uplink's program.
 */
static __always_inline int leave(struct __sk_buff *skb, const struct packet *p, int *action)
{
	const struct settings *host = host_settings();
	int refused;

	if (!host || !host->uplink)
		return NO_UPLINK;
	refused = hop(skb, p);
	if (refused)
		return refused;
	set_mark(skb, MARK_DIRECT);
	*action = bpf_redirect_neigh(host->uplink, NULL, 0, 0);
	return 0;
}

static __always_inline int encapsulate(struct __sk_buff *skb, const struct packet *p, int *action)
{
	const struct settings *host = host_settings();
	int refused;

	if (!host || !host->overlay)
		return NO_TUNNEL;
	refused = hop(skb, p);
	if (refused)
		return refused;
	refused = set_tunnel(skb, p, p->from.identity, p->to.host);
	if (refused)
		return refused;
	set_mark(skb, MARK_JUDGED);
	*action = bpf_redirect(host->overlay, 0);
	return 0;
}
