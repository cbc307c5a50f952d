/* On the host's network device: endpoint addresses are believed, delivered or refused; all else passes untouched.
 *
 * What is not surely netctl's business passes, also when there are no tables: this device is how the host is reached.
 */
#include "arrive.h"

#define VLAN_NUMBER 0x0fff

/* Counted, but nobody is told of it: a monitor's own connection to this host is among it. */
static __always_inline int pass(struct packet *p, int reason, __u32 direction)
{
	count(p, reason, direction);
	return TC_ACT_UNSPEC;
}

/* A tag with number 0 carries a priority only: the stack takes the packet as if it had none. */
static __always_inline bool is_other_vlan(struct __sk_buff *skb)
{
	return skb->vlan_present && skb->vlan_tci & VLAN_NUMBER;
}

static __always_inline bool is_ip(struct __sk_buff *skb)
{
	return !is_other_vlan(skb) && (skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6));
}

/* Such a tag around another one: the stack takes off both, and no program sees what is inside. */
static __always_inline bool is_hidden(struct __sk_buff *skb)
{
	__u8 inner[2];

	if (!skb->vlan_present || is_other_vlan(skb) ||
	    (skb->protocol != bpf_htons(ETH_P_8021Q) && skb->protocol != bpf_htons(ETH_P_8021AD)))
		return false;
	return !bpf_skb_load_bytes(skb, ETH_HLEN, inner, sizeof(inner)) && !((inner[0] << 8 | inner[1]) & VLAN_NUMBER);
}

/* A source in the endpoint ranges comes from the tunnel; in native mode from here, if it is another host's. */
APART int check_source(struct packet *p)
{
	int known;

	if (!p)
		return 0;
	known = resolve(p, &p->source, &p->from);
	if (known == KNOWN_NOBODY)
		return FORGED_ENDPOINT;
	if (known == KNOWN_WORLD)
		return 0;
	if (p->from.identity == IDENTITY_HOST)
		return p->endpoint || in_ranges(p, &p->source) ? FORGED_HOST : 0;
	if (p->from.identity == IDENTITY_REMOTE_NODE && !in_ranges(p, &p->source)) {
		if (network_mode == MODE_OVERLAY)
			p->from.host = 0;
		return 0;
	}
	return network_mode == MODE_NATIVE && p->from.host && !p->from.endpoint ? 0 : FORGED_ENDPOINT;
}

static __always_inline bool is_tunnelled(const struct recalled *r)
{
	return network_mode == MODE_OVERLAY && r->peer.host;
}

static __always_inline bool is_believed(const struct recalled *r)
{
	return !r->peer.endpoint && r->peer.identity != IDENTITY_HOST && !is_tunnelled(r);
}

static __always_inline int arrive(struct __sk_buff *skb, struct packet *p)
{
	struct recalled r = {};
	enum memory memory = ABSENT;
	int refused, reason;

	if (p->kind == KIND_LATER) {
		refused = recall_fragment(p);
		if (refused)
			return drop(p, refused, DIRECTION_INGRESS);
	}
	if (p->kind == KIND_ORDINARY)
		memory = recall(p, p->endpoint, false, &r);
	if (memory == SAME_EPOCH && is_believed(&r)) {
		p->from.identity = r.peer.identity;
		reason = established(p, &r);
		return reason == PASSED_ESTABLISHED ? hand_over(skb, p, reason) : TC_ACT_SHOT;
	}
	refused = check_source(p);
	/* another host's own address may open connections here; those through the tunnel are not joined */
	if (!refused && memory != ABSENT && is_tunnelled(&r))
		refused = FORGED_ENDPOINT;
	if (!refused)
		refused = check_special(skb, p);
	/* an error about somebody whom no packet reaches by this device */
	if (!refused && p->kind == KIND_RELATED && check_source(p))
		refused = UNRELATED_ERROR;
	if (refused)
		return drop(p, refused, DIRECTION_INGRESS);
	reason = judge(p);
	return reason < DENIED_BY_RULE ? hand_over(skb, p, reason) : TC_ACT_SHOT;
}

SEC("tc") int from_uplink(struct __sk_buff *skb)
{
	struct packet p = {.point = POINT_FROM_UPLINK, .length = skb->len};
	bool ready = read_generation(&p);
	const struct peer *to;
	int refused;

	clear_mark(skb);
	if (ready && is_hidden(skb))
		return drop(&p, VLAN_TAG, DIRECTION_INGRESS);
	if (!ready || !is_ip(skb))
		return pass(&p, PASSED_OTHER, DIRECTION_INGRESS);
	make_linear(skb);
	refused = parse(skb, &p);
	/* the stack knows what to do with what has no readable addresses */
	if (!p.transport)
		return pass(&p, PASSED_OTHER, DIRECTION_INGRESS);
	to = find_peer(&p, &p.destination);
	if (to) {
		p.to = *to;
		p.endpoint = to->endpoint;
	}
	if (p.endpoint)
		return refused ? drop(&p, refused, DIRECTION_INGRESS) : arrive(skb, &p);
	refused = check_source(&p);
	if (!refused && !to && in_ranges(&p, &p.destination))
		refused = NO_SUCH_ENDPOINT;
	if (refused)
		return drop(&p, refused, DIRECTION_INGRESS);
	return pass(&p, PASSED_OTHER, DIRECTION_INGRESS);
}

/* Nobody out there can answer an endpoint's address in overlay mode, unless it asked for it by that address. */
SEC("tc") int to_uplink(struct __sk_buff *skb)
{
	struct packet p = {.point = POINT_TO_UPLINK, .length = skb->len};
	bool ready = read_generation(&p);

	if (network_mode != MODE_OVERLAY || !ready || !skb->ingress_ifindex || skb->mark & MARK_DIRECT || !is_ip(skb))
		return pass(&p, PASSED_OTHER, DIRECTION_EGRESS);
	make_linear(skb);
	parse(skb, &p);
	if (p.transport && in_ranges(&p, &p.source))
		return drop(&p, NOT_MASQUERADED, DIRECTION_EGRESS);
	return pass(&p, PASSED_OTHER, DIRECTION_EGRESS);
}

char LICENSE[] SEC("license") = "GPL";
