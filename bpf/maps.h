/* Every map of the datapath, each under one sentence. */
#pragma once

#include "reasons.h"
#include "types.h"
#include <bpf/bpf_helpers.h>

/* The active generation: epoch << 8 | slot. Every program reads it once, first; a change of policy is one store here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE); /* the word is stored by one instruction of the processor, not by a copy */
	__type(key, __u32);
	__type(value, __u64);
} generation SEC(".maps");

/* The tables of a generation: one outer map each, indexed by slot. A table in the active slot is never edited. */

struct address_table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct address);
	__type(value, struct peer);
};

/* Who an address is: every endpoint of the cluster, this host's own addresses, the other hosts' addresses. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct address_table);
} addresses SEC(".maps");

struct host_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, struct host);
};

/* Where the tunnel to a host number ends. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct host_table);
} hosts SEC(".maps");

struct block_table {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct block_key);
	__type(value, struct block);
};

/* Who an address is that `addresses` does not know: the narrowest CIDR block around it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct block_table);
} blocks SEC(".maps");

struct policy_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, struct policy);
};

/* Which page of port classes a policy uses, by protocol and the port's upper octet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct policy_table);
} policies SEC(".maps");

struct page_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, struct page);
};

/* The class of a port within its policy, by the port's lower octet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct page_table);
} pages SEC(".maps");

struct verdict_table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct verdict_key);
	__type(value, struct verdict);
};

/* What a policy says about an identity (0: any) and a port class. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__array(values, struct verdict_table);
} verdicts SEC(".maps");

/* Not bound to a generation. */

/* This host's endpoints by number; 0 is nobody. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

/* Which endpoint is behind a device. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

/* What `devices` said last, by the ifindex's lower bits: believed only if the endpoint says the same, and no hash lookup. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__type(value, __u32);
} hints SEC(".maps");

struct connection_table {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct connection_key);
	__type(value, struct connection);
};

/* Live connections by endpoint: in the initiator's table when the initiator is local, else in the responder's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_ENDPOINTS);
	__type(key, __u32);
	__array(values, struct connection_table);
} connections SEC(".maps");

/* The ports of fragmented packets. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

/* Packets and octets by reason * DIRECTIONS + direction. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS *DIRECTIONS);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

/* What the programs need to know of this host's devices. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

struct listener {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* Whoever wants events puts a ring buffer into a free slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_LISTENERS);
	__type(key, __u32);
	__array(values, struct listener);
} listeners SEC(".maps");

/* Not zero: a trace event for every packet that passes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tracing SEC(".maps");

/* clang describes the types of inner maps, and of events, only if a function takes them. Nothing calls it. */
struct described_types {
	struct address address;
	struct peer peer;
	struct host host;
	struct block_key block_key;
	struct block block;
	struct policy policy;
	struct page page;
	struct verdict_key verdict_key;
	struct verdict verdict;
	struct connection_key connection_key;
	struct connection connection;
	struct event event;
};

int describe_types(const struct described_types *types)
{
	return 0;
}
