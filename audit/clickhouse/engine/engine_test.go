//go:build linux

package engine

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"
)

// parentEnv makes the test binary a parent that only starts an engine and
// waits to be killed.
const parentEnv = "KEYTRAIL_TEST_ENGINE_PARENT"

func TestMain(m *testing.M) {
	MaybeChild()
	if dir := os.Getenv(parentEnv); dir != "" {
		parent(dir)
	}
	goleak.VerifyTestMain(m)
}

func parent(dir string) {
	e, err := Start(Config{Library: os.Getenv("KEYTRAIL_ENGINE"), Dir: dir, Log: quiet})
	if err == nil {
		err = e.Wait(context.Background())
	}
	fmt.Println(e.State().PID, err)
	select {}
}

var quiet = slog.New(slog.DiscardHandler)

func lib(t testing.TB) string {
	path, err := Find("")
	if err != nil {
		path, err = Find(filepath.Join("..", "..", "..", ".engine", Version, "libchdb.so"))
	}
	if err != nil {
		if os.Getenv("KEYTRAIL_NEED_ENGINE") == "1" {
			t.Fatalf("KEYTRAIL_NEED_ENGINE=1: %v", err)
		}
		t.Skipf("not tested: needs the ClickHouse engine: run `make engine` (%v)", err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var owner = Account{Name: "owner", Grants: []string{"ALL ON test.*", "TABLE ENGINE ON MergeTree"}}

func begin(t testing.TB, dir string) *Engine {
	t.Helper()
	e, err := Start(Config{Library: lib(t), Dir: dir, Log: quiet, Accounts: []Account{owner, {Name: "nobody"},
		{Name: "limited", Grants: []string{"SELECT ON test.*"}, Settings: map[string]string{"readonly": "1"}, Queries: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, e) })
	serves(t, e)
	return e
}

func serves(t testing.TB, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	if err := e.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func stop(t testing.TB, e *Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	e.Stop(ctx)
}

func client(t testing.TB, e *Engine, user, password string) driver.Conn {
	t.Helper()
	c, err := ch.Open(&ch.Options{Addr: []string{"engine"}, Auth: ch.Auth{Username: user, Password: password}, DialTimeout: 5 * time.Second,
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) { return e.Dial(ctx) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func do(t testing.TB, c driver.Conn, q string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.Exec(ctx, q); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// Rows outlive orderly stops and SIGKILL; the engine comes back by itself on
// another port, and says meanwhile that it is down.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	e := begin(t, dir)
	c := client(t, e, "owner", e.Password("owner"))
	do(t, c, "CREATE DATABASE test")
	do(t, c, "CREATE TABLE test.t (x UInt64) ENGINE = MergeTree ORDER BY x")
	for i := range 5 {
		do(t, c, fmt.Sprintf("INSERT INTO test.t VALUES (%d)", i))
		pid, began := e.State().PID, time.Now()
		if err := syscall.Kill(pid, []syscall.Signal{syscall.SIGKILL, syscall.SIGSEGV, syscall.SIGTERM, syscall.SIGABRT, syscall.SIGKILL}[i]); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); e.State().PID == pid; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: nobody saw the end of %d: %+v", i, pid, e.State())
			}
		}
		if e.State().Err == nil {
			t.Errorf("round %d: no reason given: %+v", i, e.State())
		}
		gone := time.Since(began)
		serves(t, e)
		t.Logf("round %d: gone after %s, serves after %s: %v", i, gone.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), e.State().Err)
	}
	var n uint64
	if err := c.QueryRow(context.Background(), "SELECT count() FROM test.t").Scan(&n); err != nil || n != 5 {
		t.Errorf("rows: %d, %v; want 5", n, err)
	}
	if s := e.State(); s.Restarts != 5 || s.Phase != Ready {
		t.Errorf("state: %+v", s)
	}
	pid := e.State().PID
	stop(t, e)
	if alive(pid) {
		t.Error("the process outlives Stop")
	}
	if s := e.State(); s.Phase != Stopped {
		t.Errorf("state after Stop: %+v", s)
	}
	again := begin(t, dir)
	if again.Password("owner") == e.Password("owner") {
		t.Error("the password is the same twice")
	}
	c = client(t, again, "owner", again.Password("owner"))
	if err := c.QueryRow(context.Background(), "SELECT count() FROM test.t").Scan(&n); err != nil || n != 5 {
		t.Errorf("rows after a new start: %d, %v; want 5", n, err)
	}
}

// The engine ends with its parent, however that ends.
func TestParentKilled(t *testing.T) {
	path := lib(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentEnv+"="+t.TempDir(), "KEYTRAIL_ENGINE="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var ready string
	_, err = fmt.Fscan(out, &pid, &ready)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if err != nil || ready != "<nil>" || pid == 0 {
		t.Fatalf("the parent said %d %s, %v", pid, ready, err)
	}
	for deadline := time.Now().Add(20 * time.Second); alive(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the engine outlives its parent")
		}
	}
}

// Nothing a client sends ends the engine. (Without a terminal of its own one
// wrong password is enough: ClickHouse issue 115666.)
func TestHostileClients(t *testing.T) {
	e := begin(t, t.TempDir())
	pid := e.State().PID
	good := client(t, e, "owner", e.Password("owner"))
	do(t, good, "CREATE DATABASE test")
	do(t, good, "CREATE TABLE test.t (x UInt64) ENGINE = MergeTree ORDER BY x")
	dial := func() *net.TCPConn {
		c, err := e.Dial(context.Background())
		if err != nil {
			t.Fatalf("dial: %v (%+v)", err, e.State())
		}
		return c.(*net.TCPConn)
	}
	junk := make([]byte, 1<<16)
	rand.Read(junk)
	hello := append([]byte("\x00\x01x\x02\x03\xd5\xa9\x03\x00"), []byte("\x05owner\x05wrong")...)
	login := func(user, password string) {
		c := client(t, e, user, password)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Ping(ctx); err == nil {
			t.Errorf("%q was let in with password %q", user, password)
		}
	}
	send := func(b []byte, reset bool) {
		c := dial()
		_, _ = c.Write(b) // it may hang up first
		if reset {
			_ = c.SetLinger(0)
		} else {
			_ = c.CloseWrite()
			_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			_, _ = io.Copy(io.Discard, c)
		}
		c.Close()
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 8 {
				send(nil, i%2 == 0)
				send(junk[:1+i*1000], i%2 == 0)
				send([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), i%2 == 0)
				send([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), i%2 == 0)
				send(hello, i%2 == 0)
				send(bytes.Repeat([]byte{0xff}, 300), i%2 == 0)
				login("owner", "wrong")
				login("nosuch", "")
				login("default", "")
				login("nobody", "")
				// reset amid an answer and amid an insert
				ctx, cancel := context.WithCancel(context.Background())
				c := client(t, e, "owner", e.Password("owner"))
				rows, err := c.Query(ctx, "SELECT number FROM system.numbers LIMIT 100000000")
				if err == nil {
					rows.Next()
					cancel()
					_ = rows.Close()
				}
				cancel()
				if b, err := c.PrepareBatch(context.Background(), "INSERT INTO test.t"); err == nil {
					_ = b.Append(uint64(i))
					_ = b.Flush()
					_ = c.Close()
					_ = b.Abort()
				}
				c.Close()
			}
		})
	}
	all.Wait()
	if s := e.State(); s.PID != pid || s.Restarts != 0 || s.Phase != Ready {
		t.Fatalf("the engine did not survive: %+v", s)
	}
	do(t, good, "SELECT 1")
}

// Accounts can do what their grants say and no more, and only as often as
// their quota says.
func TestAccounts(t *testing.T) {
	e := begin(t, t.TempDir())
	good := client(t, e, "owner", e.Password("owner"))
	do(t, good, "CREATE DATABASE test")
	do(t, good, "CREATE TABLE test.t (x UInt64) ENGINE = MergeTree ORDER BY x")
	for _, q := range []string{"CREATE DATABASE other", "SELECT * FROM file('/etc/passwd', 'LineAsString')", "SYSTEM SHUTDOWN", "CREATE USER x", "SELECT * FROM system.users"} {
		if err := good.Exec(context.Background(), q); err == nil || !strings.Contains(err.Error(), "497") {
			t.Errorf("owner: %s: %v; want refused", q, err)
		}
	}
	nobody := client(t, e, "nobody", e.Password("nobody"))
	if err := nobody.Exec(context.Background(), "SELECT * FROM test.t"); err == nil {
		t.Error("an account without grants may read")
	}
	limited := client(t, e, "limited", e.Password("limited"))
	var err error
	for i := 0; err == nil && i < 20; i++ {
		err = limited.Exec(context.Background(), "SELECT count() FROM test.t")
	}
	if err == nil || !strings.Contains(err.Error(), "201") {
		t.Errorf("the quota: %v; want error 201", err)
	}
	for _, f := range []string{"users.xml", "server.xml"} {
		path := filepath.Join(e.cfg.Dir, "config", f)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; want 0600", f, info.Mode(), err)
		}
		b, _ := os.ReadFile(path)
		env, _ := os.ReadFile("/proc/" + strconv.Itoa(e.State().PID) + "/environ")
		for _, a := range e.cfg.Accounts {
			if bytes.Contains(b, []byte(e.Password(a.Name))) || bytes.Contains(env, []byte(e.Password(a.Name))) {
				t.Errorf("the password of %s can be read", a.Name)
			}
		}
	}
}

// The engine listens on one loopback port and nowhere else.
func TestListensOnLoopbackOnly(t *testing.T) {
	e := begin(t, t.TempDir())
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", e.State().PID))
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{}
	for _, f := range fds {
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", e.State().PID, f.Name()))
		if s, ok := strings.CutPrefix(to, "socket:["); ok {
			ours[strings.TrimSuffix(s, "]")] = true
		}
	}
	var listening []string
	for _, table := range []string{"tcp", "tcp6"} {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", e.State().PID, table))
		for line := range strings.Lines(string(b)) {
			if w := strings.Fields(line); len(w) > 9 && w[3] == "0A" && ours[w[9]] {
				listening = append(listening, w[1])
			}
		}
	}
	if len(listening) != 1 || !strings.HasPrefix(listening[0], "0100007F:") {
		t.Errorf("listens on %v; want one port of 127.0.0.1", listening)
	}
}

// What can never work is said at once, with the cure; what may work later is
// tried again, and State says why it does not yet.
func TestStartFails(t *testing.T) {
	if _, err := Start(Config{Library: "/nonexistent/libchdb.so", Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "make engine") {
		t.Errorf("no library: %v", err)
	}
	t.Setenv("KEYTRAIL_ENGINE", "")
	t.Chdir(t.TempDir())
	if _, err := Find(""); err == nil || !strings.Contains(err.Error(), "make engine") || strings.Contains(err.Error(), "\n") {
		t.Errorf("nothing found: %v", err)
	}
	bad := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(bad, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEYTRAIL_ENGINE", bad)
	if got, err := Find(""); err != nil || got != bad {
		t.Errorf("KEYTRAIL_ENGINE: %s, %v", got, err)
	}
	e, err := Start(Config{Library: bad, Dir: t.TempDir(), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, e)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := e.Wait(ctx); err == nil || !strings.Contains(err.Error(), "libchdb.so") {
		t.Errorf("a file that is no library: %v", err)
	}
	if s := e.State(); s.Phase == Ready || s.Err == nil || s.Restarts == 0 {
		t.Errorf("state: %+v", s)
	}
}

// A directory is served by one engine at a time; the second waits and takes over.
func TestOneEngineADirectory(t *testing.T) {
	dir := t.TempDir()
	first := begin(t, dir)
	second, err := Start(Config{Library: lib(t), Dir: dir, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, second)
	for deadline := time.Now().Add(20 * time.Second); second.State().Err == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("two engines in one directory: %+v", second.State())
		}
	}
	stop(t, first)
	serves(t, second)
}
