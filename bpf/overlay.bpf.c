/* On the tunnel device: what other hosts send (from), what this host itself sends to their endpoints (to). */
#include "arrive.h"
#include <linux/if_packet.h>

/* The outer source and the VNI. IPv6 is asked for second: a key of one family cannot be read as the other. */
static __noinline int read_tunnel(struct __sk_buff *skb, struct address *underlay, __u32 *identity)
{
	struct bpf_tunnel_key key = {};

	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0)) {
		map_ipv4(underlay, bpf_htonl(key.remote_ipv4));
	} else {
		if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6))
			return NO_TUNNEL_KEY;
		__builtin_memcpy(underlay, key.remote_ipv6, sizeof(*underlay));
	}
	*identity = key.tunnel_id;
	if (key.tunnel_id != IDENTITY_REMOTE_NODE && key.tunnel_id < IDENTITY_FIRST)
		return FORGED_IDENTITY;
	return 0;
}

static __always_inline bool lives_at(const struct packet *p, __u32 number, const struct address *underlay)
{
	const struct host *host = find_host(p, number);

	return number && host && same_address(&host->underlay, underlay);
}

/* The inner source must live on the host that the outer source names, and be a host or not as the VNI says. */
APART int believe(struct packet *p, const struct address *underlay, __u32 identity)
{
	int known;

	if (!p || !underlay)
		return NO_TABLES;
	known = resolve(p, &p->source, &p->from);
	if (known != KNOWN)
		return UNKNOWN_SOURCE;
	if (p->from.endpoint || p->from.identity == IDENTITY_HOST || !lives_at(p, p->from.host, underlay))
		return FORGED_TUNNEL_SOURCE;
	if ((p->from.identity == IDENTITY_REMOTE_NODE) != (identity == IDENTITY_REMOTE_NODE))
		return FORGED_IDENTITY;
	/* While a fleet changes, the other host may call the sender by an identity of another generation. What counts is
	 * who the sender is by the same tables as the policy: the two change in one store.
	 */
	return 0;
}

static __always_inline int pass_to_host(struct __sk_buff *skb, struct packet *p)
{
	/* its Ethernet destination is whatever the sender wrote */
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	passed(p, PASSED_HOST, DIRECTION_INGRESS);
	return TC_ACT_UNSPEC;
}

static __always_inline int check_frame(struct __sk_buff *skb, struct packet *p)
{
	const struct peer *to;
	int refused;

	if (skb->vlan_present)
		return VLAN_TAG;
	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return FOREIGN_NEIGHBOUR;
	refused = parse(skb, p);
	if (refused)
		return refused;
	to = find_peer(p, &p->destination);
	if (!to)
		return has_tables(p) ? NO_SUCH_ENDPOINT : NO_TABLES;
	p->to = *to;
	p->endpoint = to->endpoint;
	return p->endpoint && p->kind == KIND_LATER ? recall_fragment(p) : 0;
}

SEC("tc") int from_overlay(struct __sk_buff *skb)
{
	struct packet p = {.point = POINT_FROM_OVERLAY, .length = skb->len};
	bool ready = read_generation(&p);
	struct recalled r = {};
	struct address underlay = {};
	__u32 identity = 0;
	int refused, reason;

	clear_mark(skb);
	make_linear(skb);
	refused = ready ? check_frame(skb, &p) : NO_TABLES;
	if (!refused)
		refused = read_tunnel(skb, &underlay, &identity);
	if (refused)
		return drop(&p, refused, DIRECTION_INGRESS);
	if (p.endpoint && p.kind == KIND_ORDINARY && recall(&p, p.endpoint, false, &r) == SAME_EPOCH &&
	    r.peer.identity == identity && !r.peer.endpoint && lives_at(&p, r.peer.host, &underlay)) {
		p.from.identity = identity;
		reason = established(&p, &r);
		return reason == PASSED_ESTABLISHED ? hand_over(skb, &p, reason) : TC_ACT_SHOT;
	}
	refused = believe(&p, &underlay, identity);
	if (!refused && p.endpoint)
		refused = check_special(skb, &p);
	else if (!refused && p.to.identity != IDENTITY_HOST)
		refused = NO_SUCH_ENDPOINT;
	/* an error about somebody whom no packet reaches by that host */
	if (!refused && p.kind == KIND_RELATED && p.endpoint && !lives_at(&p, p.from.host, &underlay))
		refused = UNRELATED_ERROR;
	if (refused)
		return drop(&p, refused, DIRECTION_INGRESS);
	if (!p.endpoint)
		return pass_to_host(skb, &p);
	reason = judge(&p);
	return reason < DENIED_BY_RULE ? hand_over(skb, &p, reason) : TC_ACT_SHOT;
}

static __always_inline int check_own(struct __sk_buff *skb, struct packet *p)
{
	const struct peer *from, *to;
	int refused = parse(skb, p);

	if (refused)
		return refused;
	/* the stack's own solicitations and reports, which it sends on every device */
	if (!is_unicast(&p->destination))
		return NOT_UNICAST;
	from = find_peer(p, &p->source);
	if (skb->ingress_ifindex || !from || from->identity != IDENTITY_HOST)
		return NOT_FROM_HOST;
	to = find_peer(p, &p->destination);
	if (!to || !to->host)
		return NO_SUCH_ENDPOINT;
	p->from.identity = IDENTITY_REMOTE_NODE;
	p->to = *to;
	return set_tunnel(skb, p, IDENTITY_REMOTE_NODE, to->host);
}

SEC("tc") int to_overlay(struct __sk_buff *skb)
{
	struct packet p = {.point = POINT_TO_OVERLAY, .length = skb->len};
	bool ready = read_generation(&p);
	int refused;

	if (skb->mark & MARK_JUDGED) {
		clear_mark(skb);
		return TC_ACT_UNSPEC;
	}
	make_linear(skb);
	refused = ready ? check_own(skb, &p) : NO_TABLES;
	if (refused)
		return drop(&p, refused, DIRECTION_EGRESS);
	passed(&p, PASSED_HOST, DIRECTION_EGRESS);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
