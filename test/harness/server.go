// Package harness starts real Keytrail servers for tests that look at the
// product from outside: one binary, its own folder, a port of 127.0.0.1 that
// the kernel chooses. It stops the processes it started and no others.
package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options of a server. The zero value is what most tests want.
type Options struct {
	Dir     string   // data folder; default: a new one
	Binary  string   // default: Build
	Listen  string   // default: 127.0.0.1:0
	Args    []string // further flags of keytrail server
	Env     []string // further variables, NAME=value
	Account string   // of the bootstrap; default: 111122223333
	KeyID   string
	Secret  string
	Own     bool // no bootstrap variables: the server makes the first account itself and prints it
	NoAudit bool // --audit off: no ClickHouse engine
}

// Server is a keytrail server. Its methods may not be called at once, but what
// they return (clients, answers) may be used by many.
type Server struct {
	URL     string // as the server printed it; the same after Restart
	Dir     string // data folder
	Binary  string
	Account string // the first account, the operator's
	Root    Credentials
	Out     string // file of all it printed, over restarts
	Err     string // file of all it logged

	t    testing.TB
	args []string
	env  []string
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	exit error         // set before done is closed
}

// Credentials of a caller. Token is empty for long-term keys.
type Credentials struct{ KeyID, Secret, Token string }

// Region is what the server serves and clients sign for.
const Region = "us-east-1"

// Module is the folder of go.mod.
var Module = sync.OnceValue(func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
})

var build = sync.OnceValues(func() (string, error) {
	if b := os.Getenv("KEYTRAIL_BINARY"); b != "" {
		return filepath.Abs(b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	out, args := filepath.Join(cache, "keytrail-harness", "keytrail"), []string{"build"} // flags of go test: compiled once for both
	if os.Getenv("KEYTRAIL_HARNESS_RACE") != "" {
		out, args = out+"-race", append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "-o", out, "./cmd/keytrail")...)
	cmd.Dir = Module()
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, text)
	}
	return out, nil
})

// Build gives the path of a keytrail built from this tree (KEYTRAIL_BINARY
// names another one; KEYTRAIL_HARNESS_RACE=1 builds it with the race
// detector). The file is the test's own: a later build does not change it.
func Build(t testing.TB) string {
	t.Helper()
	built, err := build()
	if err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(t.TempDir(), "keytrail")
	if os.Link(built, mine) == nil {
		return mine
	}
	b, err := os.ReadFile(built) // another filesystem
	if err == nil {
		err = os.WriteFile(mine, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return mine
}

// Start starts a server and waits until it answers. When the test ends it is
// killed, and the test fails if it panicked or raced.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := Prepare(t, o)
	if err := s.Launch(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Prepare is Start without starting: Launch does that, and tells why it failed.
func Prepare(t testing.TB, o Options) *Server {
	t.Helper()
	base := t.TempDir()
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	s := &Server{
		t: t, Dir: or(o.Dir, filepath.Join(base, "data")), Binary: o.Binary, Account: or(o.Account, "111122223333"),
		Root: Credentials{KeyID: or(o.KeyID, "AKIAROOTOFTHETESTS"), Secret: or(o.Secret, "the-root-secret-of-the-tests-0123456789")},
		Out:  filepath.Join(base, "out"), Err: filepath.Join(base, "err"),
	}
	if s.Binary == "" {
		s.Binary = Build(t)
	}
	s.args = append([]string{"server", "--data", s.Dir, "--listen", or(o.Listen, "127.0.0.1:0")}, o.Args...)
	if o.NoAudit {
		s.args = append(s.args, "--audit", "off")
	} else if libraries, _ := filepath.Glob(filepath.Join(Module(), ".engine", "*", "libchdb.so")); len(libraries) > 0 {
		s.args = append(s.args, "--engine", libraries[len(libraries)-1])
	} else if os.Getenv("KEYTRAIL_NEED_ENGINE") != "" {
		t.Fatal("the ClickHouse engine is missing: run make engine")
	} else {
		t.Skip("the ClickHouse engine is missing: run make engine")
	}
	s.env = Environment()
	if !o.Own {
		s.env = append(s.env, "KEYTRAIL_BOOTSTRAP_ACCOUNT="+s.Account, "KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID="+s.Root.KeyID, "KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY="+s.Root.Secret)
	}
	s.env = append(s.env, o.Env...)
	t.Cleanup(func() {
		engine := s.Engine()
		s.Kill()
		end(engine) // it writes into a folder that goes
		log := s.Log()
		for _, bad := range []string{"\npanic: ", "fatal error: ", " ERROR panic ", "WARNING: DATA RACE"} {
			if strings.Contains("\n"+log, bad) {
				t.Errorf("the server's log has %q:\n%s", strings.TrimSpace(bad), tail(log))
				return
			}
		}
		if t.Failed() && log != "" {
			t.Logf("the server's log:\n%s", tail(log))
		}
	})
	return s
}

// Engine is the pid of the server's ClickHouse, 0 if there is none now.
func (s *Server) Engine() int {
	if s.cmd == nil || s.cmd.Process == nil {
		return 0
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// pid (name) state ppid …
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(f) > 1 && f[1] == strconv.Itoa(s.cmd.Process.Pid) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			return pid
		}
	}
	return 0
}

// end kills a process that is not ours to wait for, and sees it gone.
func end(pid int) {
	if pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
		return
	}
	for range 500 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(b, []byte(") Z ")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func tail(s string) string {
	const most = 8 << 10
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// Environment is ours without what would choose other servers or credentials.
func Environment() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "KEYTRAIL_") {
			env = append(env, v)
		}
	}
	return append(env, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent")
}

var greeting = regexp.MustCompile(`keytrail serves IAM, STS and CloudTrail at (https?://\S+) `)

// Launch starts the process and waits until it answers. The error tells what
// the server said if it ended instead.
func (s *Server) Launch() error {
	out, err := os.OpenFile(s.Out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	log, err := os.OpenFile(s.Err, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := os.ReadFile(s.Out)
	if err != nil {
		return err
	}
	logged := len(s.Log())
	s.cmd = exec.Command(s.Binary, s.args...)
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, out, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a killed test leaves no server
	// Pdeathsig follows the thread that started the process, so that thread
	// must live as long as the process.
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.exit = s.cmd.Wait()
		}
		close(done)
	}()
	if err := <-started; err != nil {
		s.cmd = nil
		return err
	}
	s.done = done
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(s.Out)
		if err != nil {
			return err
		}
		if m := greeting.FindSubmatch(text[len(before):]); m != nil {
			s.listen(string(m[1]))
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("the server ended (%v): %s", s.exit, strings.TrimSpace(s.Log()[logged:]))
		default:
		}
		if time.Now().After(deadline) {
			s.Kill()
			return fmt.Errorf("the server did not come up in a minute: %s", s.Log())
		}
	}
}

// listen keeps the port that the kernel chose for the next start.
func (s *Server) listen(url string) {
	if s.URL == url {
		return // a restart, which clients may be waiting for
	}
	s.URL = url
	for i, a := range s.args {
		if a == "--listen" {
			host := s.args[i+1][:strings.LastIndexByte(s.args[i+1], ':')]
			s.args[i+1] = host + url[strings.LastIndexByte(url, ':'):]
		}
	}
}

// PID of the running server, 0 if it does not run.
func (s *Server) PID() int {
	if !s.Running() {
		return 0
	}
	return s.cmd.Process.Pid
}

// Running says whether the process is there.
func (s *Server) Running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the server alone.
func (s *Server) Signal(sig syscall.Signal) error {
	if !s.Running() {
		return errors.New("the server does not run")
	}
	return s.cmd.Process.Signal(sig)
}

// Stop ends the server as an operator does (SIGTERM) and says how it ended.
func (s *Server) Stop() error {
	if !s.Running() {
		return nil
	}
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.done:
		return s.exit
	case <-time.After(20 * time.Second):
		s.Signal(syscall.SIGQUIT) // its goroutines go to the log
		time.Sleep(time.Second)
		s.Kill()
		return errors.New("the server did not end within 20 s of SIGTERM")
	}
}

// Kill ends the server without a warning (SIGKILL) and waits until it is gone.
func (s *Server) Kill() {
	if s.Running() {
		s.Signal(syscall.SIGKILL)
		<-s.done
	}
}

// Restart starts a stopped or killed server again, on the same port and folder.
func (s *Server) Restart() error {
	if s.Running() {
		return errors.New("the server still runs: Stop or Kill it first")
	}
	var err error
	for range 20 { // somebody else may hold the port for a moment
		if err = s.Launch(); err == nil || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		time.Sleep(250 * time.Millisecond)
	}
	return err
}

// AddArgs adds flags for the next start.
func (s *Server) AddArgs(args ...string) { s.args = append(s.args, args...) }

// Log is all that the server logged, over restarts.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.Err)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
	return string(b)
}

// Printed is all that the server printed, over restarts.
func (s *Server) Printed() string {
	b, err := os.ReadFile(s.Out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Error(err)
	}
	return string(b)
}

// Healthy says whether /readyz is 200.
func (s *Server) Healthy() error {
	c := http.Client{Timeout: 5 * time.Second}
	resp, err := c.Get(s.URL + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", resp.Status)
	}
	return nil
}

// Result is how a command ended.
type Result struct {
	Out, Err string
	Code     int
}

// Keytrail runs the CLI against the server as c.
func (s *Server) Keytrail(c Credentials, args ...string) Result {
	cmd := exec.Command(s.Binary, args...)
	cmd.Env = append(Environment(), c.Env()...)
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL="+s.URL)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Error(err)
	}
	return Result{Out: out.String(), Err: errs.String(), Code: cmd.ProcessState.ExitCode()}
}

// Env is c as every AWS tool reads it.
func (c Credentials) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + c.KeyID, "AWS_SECRET_ACCESS_KEY=" + c.Secret, "AWS_SESSION_TOKEN=" + c.Token, "AWS_REGION=" + Region, "AWS_DEFAULT_REGION=" + Region}
}

// Verify lets keytrail verify and keytrail replay --verify judge the running
// server: the oracle that every scenario ends with.
func (s *Server) Verify() error {
	for _, args := range [][]string{{"verify"}, {"replay", "--verify"}} {
		if r := s.Keytrail(s.Root, args...); r.Code != 0 {
			return fmt.Errorf("keytrail %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Out, r.Err)
		}
	}
	return nil
}

// Searchable says whether the trail can be searched up to what was last
// recorded; decisions never wait for that.
func (s *Server) Searchable() error {
	c := http.Client{Timeout: 5 * time.Second}
	resp, err := c.Get(s.URL + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var r struct {
		Audit struct {
			Ready  bool
			Reason string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		return err
	}
	if !r.Audit.Ready {
		return fmt.Errorf("the audit store is not ready: %s", r.Audit.Reason)
	}
	return nil
}
