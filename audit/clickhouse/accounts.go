package clickhouse

import "github.com/keytrail/keytrail/audit/clickhouse/engine"

// The engine has two accounts of ours. Nobody logs in as anything else.
func accounts() []engine.Account {
	return []engine.Account{
		{
			Name:   "sink",
			Grants: []string{"SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, DROP TABLE, TRUNCATE ON audit.*", "TABLE ENGINE ON MergeTree"},
		},
		{
			Name:   "auditor",
			Grants: []string{"SELECT ON audit.events"},
			Rows: map[string]string{
				"audit.events":  rowsOfAccount,
				"system.tables": "startsWith(initialQueryID(), 'all-')", // it tells how many rows all accounts have
			},
			Queries: 6000,
			Settings: map[string]string{
				"readonly":                        "1", // no SETTINGS clause either: the limits below hold
				"max_execution_time":              "10",
				"max_memory_usage":                "1073741824",
				"max_result_rows":                 "1000000",
				"max_result_bytes":                "268435456",
				"max_concurrent_queries_for_user": "16",
				"max_threads":                     "2",
				"use_query_condition_cache":       "0", // it keys on the text of a condition, and rowsOfAccount reads differently each time
			},
		},
	}
}

// rowsOfAccount is the row policy of the auditor. Which account a query may
// see stands in the query's id, "123456789012-…" or "all-…": the id travels
// beside the text of the query, so no text can change it. (A setting would
// travel beside it too, but a SETTINGS clause in the text changes it.)
const rowsOfAccount = "account_id = substring(initialQueryID(), 1, 12) OR startsWith(initialQueryID(), 'all-')"
