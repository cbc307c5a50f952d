/* What the maps hold. state/ sees the same types as bpf/layout.py, which is generated from the BTF of these.
 *
 * No unions, no bit-fields, no hidden padding: the generator refuses them. Addresses are 16 octets in network order,
 * IPv4 as ::ffff:a.b.c.d. Ports and numbers are in host order.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#define SLOTS 2
#define MAX_ENDPOINTS 4096
#define MAX_LISTENERS 4

struct address {
	__u8 octets[16];
} __attribute__((aligned(8)));

/* Reserved identities, with Cilium's numbers. */
enum identity {
	IDENTITY_ANY = 0,
	IDENTITY_HOST = 1,
	IDENTITY_WORLD = 2,
	IDENTITY_REMOTE_NODE = 6,
	IDENTITY_WORLD_IPV4 = 9,
	IDENTITY_WORLD_IPV6 = 10,
	IDENTITY_FIRST = 256,
};

/* Who an address is. `host` 0: this host, or reached by no tunnel. `endpoint` 0: not on this host. */
struct peer {
	__u32 identity;
	__u16 host;
	__u16 endpoint;
	__u16 ingress;
	__u16 egress;
	__u16 flags;
	__u16 pad;
};

/* Where another host's tunnel ends. */
struct host {
	struct address underlay;
};

struct block_key {
	__u32 prefixlen;
	__u8 address[16];
};

enum block_flags {
	BLOCK_ENDPOINTS = 1, /* inside ranges.endpoints: only `addresses` says who it is */
};

struct block {
	__u32 identity;
	__u32 flags;
};

/* Rows of policy.page. */
enum protocol_row {
	ROW_TCP = 0,
	ROW_UDP = 1,
	ROW_SCTP = 2,
	ROW_ICMP = 3,
	ROW_ICMPV6 = 4,
	ROWS = 5,
};

enum policy_flags {
	POLICY_BY_BLOCK = 1, /* an endpoint's narrowest block is asked too */
};

struct policy {
	__u16 page[ROWS * 256];
	__u32 flags;
};

struct page {
	__u16 class[256];
};

struct verdict_key {
	__u32 identity;
	__u16 policy;
	__u16 class;
};

enum outcome {
	OUTCOME_NONE = 0,
	OUTCOME_ALLOW = 1,
	OUTCOME_DENY = 2,
};

struct verdict {
	__u32 rule;
	__u8 outcome;
	__u8 pad[3];
};

enum endpoint_flags {
	ENDPOINT_SAME_NETNS = 1, /* a tap, or a device that was not moved: bpf_redirect instead of bpf_redirect_peer */
	ENDPOINT_AUDITED = 2,	 /* what its policies deny is told of and let through */
};

/* A local endpoint's device. mac and host_mac stand together: they are written as one Ethernet header. */
struct endpoint {
	__u32 ifindex; /* host side; 0: no such endpoint */
	__u32 flags;
	__u8 mac[6];
	__u8 host_mac[6];
	__u8 ipv4[4];
	__u8 ipv6[16];
};

/* A connection as seen by the endpoint that owns the table; its own address is implied. */
struct connection_key {
	struct address peer;
	__u16 own_port;
	__u16 peer_port;
	__u8 protocol;
	__u8 pad[3];
};

enum judged_flags {
	JUDGED_ALLOW = 1,
	JUDGED_OWN = 2,	   /* the table's owner is the initiator */
	JUDGED_DIRECT = 4, /* opened from the uplink, by the owner's own address: replies leave the same way */
	/* a policy denied, and this end was audited: allowed for it, or denied all the same by the other end */
	JUDGED_INITIATOR_AUDITED = 8,
	JUDGED_RESPONDER_AUDITED = 16,
};

enum tcp_state {
	STATE_ESTABLISHED = 1, /* something else than the first SYN was seen */
	STATE_OWN_CLOSED = 2,
	STATE_PEER_CLOSED = 4,
};

/* `judged` is check << 32 | epoch << 8 | judged_flags; check covers the key, the peer (identity, host, endpoint) and
 * own_identity, so that an element which is reused under its reader is seen as absent.
 */
struct connection {
	__u64 judged;
	__u32 identity; /* the peer's */
	__u16 host;	/* 0: reached through this host's stack */
	__u16 endpoint; /* 0: not on this host */
	__u32 own_identity;
	__u32 rule; /* that denied it, 0 else */
	__u64 expires; /* jiffies */
	__u16 policy;  /* that denied it, 0 else */
	__u8 direction;
	__u8 reason;
	__u32 state;
};

struct fragment_key {
	struct address source;
	struct address destination;
	__u32 id;
	__u16 endpoint;
	__u8 protocol;
	__u8 pad;
};

/* What the first fragment told; `length` is how far its payload went. */
struct fragment {
	__u64 expires;
	__u16 source_port;
	__u16 destination_port;
	__u16 port;
	__u16 length;
};

struct counter {
	__u64 packets;
	__u64 octets;
};

/* Ifindexes of this host; 0: none. */
struct settings {
	__u32 overlay;
	__u32 uplink;
	__u16 tunnel_port;
	__u16 pad[3];
};

enum event_type {
	EVENT_DROP = 1,
	EVENT_VERDICT = 2,
	EVENT_TRACE = 3,
	EVENT_AUDIT = 4, /* denied by a policy whose endpoint is audited: let through */
};

/* Whose policy is asked: the egress policy where a packet starts, the ingress policy where it ends. */
enum direction {
	DIRECTION_EGRESS = 0,
	DIRECTION_INGRESS = 1,
	DIRECTIONS = 2,
};

/* The program that speaks. */
enum point {
	POINT_FROM_ENDPOINT = 1,
	POINT_TO_ENDPOINT = 2,
	POINT_FROM_OVERLAY = 3,
	POINT_TO_OVERLAY = 4,
	POINT_FROM_UPLINK = 5,
	POINT_TO_UPLINK = 6,
};

struct event {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	struct address source;
	struct address destination;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 rule; /* 0: no rule matched */
	__u32 epoch;
	__u32 length;
	__u16 source_port;
	__u16 destination_port; /* ICMP: the type */
	__u16 endpoint;		/* whose policy, or whose device */
	__u16 policy;
	__u8 protocol;
	__u8 type;
	__u8 direction;
	__u8 reason;
	__u8 point;
	__u8 pad[7];
};
