package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// configure writes the two files the engine reads at its start.
func (e *Engine) configure() error {
	dir := filepath.Join(e.cfg.Dir, "config")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	users := filepath.Join(dir, "users.xml")
	if err := write(users, e.users()); err != nil {
		return err
	}
	return write(serverFile(e.cfg.Dir), e.server(users))
}

func serverFile(dir string) string { return filepath.Join(dir, "config", "server.xml") }

// write replaces a file whose mode is 0600 from its first byte on.
func write(path, text string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// server bounds what the engine takes: its own defaults are 90 % of the
// machine's memory and a 5 GiB mark cache. With these, ingest runs as fast and
// peaks at 0.7 GiB.
func (e *Engine) server(users string) string {
	var x document
	x.open("clickhouse")
	x.text("listen_host", "127.0.0.1")
	x.text("tcp_port", "0") // the kernel chooses
	x.text("users_config", users)
	x.text("max_server_memory_usage", fmt.Sprint(e.cfg.Memory))
	x.text("mark_cache_size", "67108864")
	x.text("index_mark_cache_size", "33554432")
	x.text("primary_index_cache_size", "67108864")
	x.text("uncompressed_cache_size", "0")
	x.text("max_thread_pool_size", "200")
	x.text("max_thread_pool_free_size", "0")
	x.text("max_io_thread_pool_size", "8")
	x.text("background_pool_size", "2")
	x.text("background_schedule_pool_size", "4")
	x.open("merge_tree")
	// Defaults that only make sense for a larger background pool.
	x.text("number_of_free_entries_in_pool_to_execute_mutation", "2")
	x.text("number_of_free_entries_in_pool_to_lower_max_size_of_merge", "2")
	x.text("number_of_free_entries_in_pool_to_execute_optimize_entire_partition", "2")
	x.close("merge_tree")
	x.close("clickhouse")
	return x.String()
}

// users is the whole list of accounts: the engine has no other in this mode,
// and none can be added while it runs.
func (e *Engine) users() string {
	var users, profiles, quotas document
	// The engine's own session logs in as "default" without a password; that
	// is fixed in it. It may do the one thing it is there for, once, and the one
	// session it may have is in use before the port is open: nobody else gets in.
	users.open("default")
	users.text("password", "")
	users.open("networks")
	users.text("ip", "127.0.0.1")
	users.close("networks")
	users.text("profile", "boot")
	users.text("quota", "boot")
	users.open("grants")
	users.text("query", "GRANT SYSTEM LISTEN ON *.*")
	users.close("grants")
	users.close("default")
	profiles.open("boot")
	profiles.text("max_sessions_for_user", "1")
	profiles.close("boot")
	quotas.quota("boot", 2_000_000_000, 1)

	for _, a := range e.cfg.Accounts {
		hash := sha256.Sum256([]byte(e.passwords[a.Name]))
		users.open(a.Name)
		users.text("password_sha256_hex", hex.EncodeToString(hash[:]))
		users.open("networks")
		users.text("ip", "127.0.0.1")
		users.close("networks")
		users.text("profile", a.Name)
		users.open("grants") // never without: an account that has no <grants> may do everything
		for _, g := range a.Grants {
			users.text("query", "GRANT "+g)
		}
		if len(a.Grants) == 0 {
			users.text("query", "REVOKE ALL ON *.*")
		}
		users.close("grants")
		if len(a.Rows) > 0 {
			users.open("databases")
			for _, table := range slices.Sorted(maps.Keys(a.Rows)) {
				db, name, _ := strings.Cut(table, ".")
				users.open(db)
				users.open(name)
				users.text("filter", a.Rows[table])
				users.close(name)
				users.close(db)
			}
			users.close("databases")
		}
		if a.Queries > 0 {
			users.text("quota", a.Name)
			quotas.quota(a.Name, 60, a.Queries)
		} else {
			users.text("quota", "default")
		}
		users.close(a.Name)
		profiles.open(a.Name)
		for _, k := range slices.Sorted(maps.Keys(a.Settings)) {
			profiles.text(k, a.Settings[k])
		}
		profiles.close(a.Name)
	}
	return "<clickhouse><users>" + users.String() + "</users><profiles><default/>" + profiles.String() +
		"</profiles><quotas><default/>" + quotas.String() + "</quotas></clickhouse>\n"
}

// document is XML in the making.
type document struct{ strings.Builder }

func (x *document) open(name string)  { x.WriteString("<" + name + ">") }
func (x *document) close(name string) { x.WriteString("</" + name + ">\n") }

func (x *document) text(name, value string) {
	x.open(name)
	xml.EscapeText(x, []byte(value)) // a strings.Builder does not fail
	x.close(name)
}

func (x *document) quota(name string, seconds, queries int) {
	x.open(name)
	x.open("interval")
	x.text("duration", fmt.Sprint(seconds))
	x.text("queries", fmt.Sprint(queries))
	x.close("interval")
	x.close(name)
}
