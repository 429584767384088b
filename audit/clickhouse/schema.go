package clickhouse

import (
	"strings"
)

// column is one column of audit.events: what it is, how a row's value gets
// there, and how the same value reads as text on both sides when rows and log
// are compared.
type column struct {
	name, def string
	data      func(c *columns) any // for the insert
	text      string               // SQL, equal to what (*row).appendText writes
}

// schema is audit.events. The identity of a row is (stream, seq, idx): the
// place of its event in the log. event_time is the envelope's, exact to the
// microsecond; raw is the CloudTrail record, byte for byte as in the log.
//
// resource_arn is what was judged; resource_arns and resource_types hold it and
// all others the request touched. policies and statements name what settled the
// decision. source_ip is the caller's address, IPv4 as ::ffff:a.b.c.d; a caller
// that is no address (a service) has :: there and its name in source.
var schema = []column{
	{"stream", "Enum8('IDENTITY' = 1, 'DECISIONS' = 2)", func(c *columns) any { return c.stream }, "toString(stream)"},
	{"seq", "UInt64 CODEC(Delta(8), ZSTD(1))", func(c *columns) any { return c.seq }, "toString(seq)"},
	{"idx", "UInt32 CODEC(Delta(4), ZSTD(1))", func(c *columns) any { return c.idx }, "toString(idx)"},
	{"event_id", "UUID", func(c *columns) any { return c.eventID }, "toString(event_id)"},
	{"event_time", "DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1))", func(c *columns) any { return c.time }, "toString(toUnixTimestamp64Micro(event_time))"},
	str("account_id", low, func(c *columns) any { return c.account }),
	str("region", low, func(c *columns) any { return c.region }),
	str("event_source", low, func(c *columns) any { return c.eventSource }),
	str("event_name", low, func(c *columns) any { return c.eventName }),
	str("action", low, func(c *columns) any { return c.action }),
	{"read_only", "Bool", func(c *columns) any { return c.readOnly }, "toString(toUInt8(read_only))"},
	{"management", "Bool", func(c *columns) any { return c.management }, "toString(toUInt8(management))"},
	str("principal_arn", long, func(c *columns) any { return c.principal }),
	str("principal_type", low, func(c *columns) any { return c.principalType }),
	str("principal_id", long, func(c *columns) any { return c.principalID }),
	str("user_name", long, func(c *columns) any { return c.userName }),
	str("access_key_id", long, func(c *columns) any { return c.accessKey }),
	str("issuer_arn", low, func(c *columns) any { return c.issuer }),
	{"mfa", "Bool", func(c *columns) any { return c.mfa }, "toString(toUInt8(mfa))"},
	{"source_ip", "IPv6 CODEC(ZSTD(1))", func(c *columns) any { return c.sourceIP }, "lower(hex(source_ip))"},
	str("source", low, func(c *columns) any { return c.source }),
	str("user_agent", low, func(c *columns) any { return c.userAgent }),
	str("request_id", long, func(c *columns) any { return c.requestID }),
	str("shared_event_id", long, func(c *columns) any { return c.sharedID }),
	str("resource_arn", long, func(c *columns) any { return c.resource }),
	list("resource_arns", func(c *columns) any { return c.resourceARNs }),
	list("resource_types", func(c *columns) any { return c.resourceTypes }),
	{"decision", "Enum8('Allow' = 1, 'ExplicitDeny' = 2, 'ImplicitDeny' = 3, 'Unauthenticated' = 4)", func(c *columns) any { return c.decision }, "toString(decision)"},
	str("error_code", low, func(c *columns) any { return c.errorCode }),
	list("policies", func(c *columns) any { return c.policies }),
	list("statements", func(c *columns) any { return c.statements }),
	{"world", "UInt64 CODEC(Delta(8), ZSTD(1))", func(c *columns) any { return c.world }, "toString(world)"},
	str("evaluator", low, func(c *columns) any { return c.evaluator }),
	str("raw", "String CODEC(ZSTD(3))", func(c *columns) any { return c.raw }),
}

const (
	low  = "LowCardinality(String)"
	long = "String CODEC(ZSTD(1))"
)

func str(name, def string, data func(c *columns) any) column {
	return column{name, def, data, "toString(length(" + name + ")), ':', " + name}
}

func list(name string, data func(c *columns) any) column {
	return column{name, "Array(String) CODEC(ZSTD(1))", data,
		"toString(length(" + name + ")), '[', arrayStringConcat(arrayMap(x -> concat(toString(length(x)), ':', x), " + name + ")), ']'"}
}

// createEvents makes the table; how is CREATE TABLE IF NOT EXISTS or CREATE OR
// REPLACE TABLE.
//
// The order serves "what did this principal do"; the minmax index on the time
// serves "what happened lately". Rows are never removed: a retention is set
// with ALTER TABLE audit.events MODIFY TTL, but then every start of the sink
// finds rows missing and copies them again, until the log is cut at the same age.
func createEvents(how string, fsync bool) string {
	var b strings.Builder
	b.WriteString(how + " audit.events (\n")
	for _, c := range schema {
		b.WriteString("  " + c.name + " " + c.def + ",\n")
	}
	b.WriteString(`  INDEX ix_time event_time TYPE minmax GRANULARITY 1,
  INDEX ix_seq seq TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (account_id, principal_arn, event_time)
SETTINGS non_replicated_deduplication_window = 10000`)
	if fsync {
		b.WriteString(", fsync_after_insert = 1, fsync_part_directory = 1")
	}
	return b.String()
}

// insertEvents names every column, so that a newer table may have more.
var insertEvents = func() string {
	names := make([]string, len(schema))
	for i, c := range schema {
		names[i] = c.name
	}
	return "INSERT INTO audit.events (" + strings.Join(names, ", ") + ")"
}()

// rowHash is the SQL for 64 bits of SHA-256 over every column of a row;
// (*row).hash is the same in Go.
var rowHash = func() string {
	texts := make([]string, len(schema))
	for i, c := range schema {
		texts[i] = c.text
	}
	return "reinterpretAsUInt64(substring(SHA256(concat(" + strings.Join(texts, ", '|', ") + ")), 1, 8))"
}()
