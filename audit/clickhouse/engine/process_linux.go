package engine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The same binary is parent and child. They talk over the child's standard
// input, whose end means stop, and its standard output: one line when it serves.

const childEnv = "KEYTRAIL_ENGINE_CHILD"

type order struct{ Library, Dir string }

type hello struct {
	Port    int
	Version string
	Err     string
}

func supported() error { return nil }

func kill(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) } // gone already is what we want

// process is a running child.
type process struct {
	pid   int
	ready chan hello
	done  chan struct{}
	err   error // how it ended; read it after done
	stop  func()
	said  lines
}

func (p *process) words() string { return p.said.String() }

func spawn(cfg Config) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	task, err := json.Marshal(order{cfg.Library, cfg.Dir})
	if err != nil {
		return nil, err
	}
	p := &process{ready: make(chan hello, 1), done: make(chan struct{})}
	cmd := exec.Command(exe)
	cmd.Args = []string{filepath.Base(exe) + " [clickhouse]"}
	cmd.Dir = cfg.Dir
	// Nothing of our environment: it may hold secrets, and SQL can read files of /proc/self.
	cmd.Env = []string{childEnv + "=" + string(task), "GOMAXPROCS=2", "GOTRACEBACK=none", "TZ=UTC", "TERM=dumb",
		"HOME=" + cfg.Dir, "LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}
	cmd.Stderr = &p.said
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGTERM, // if we die without closing its standard input
		Setpgid:   true,            // a Ctrl-C at the terminal is for us alone
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stop = sync.OnceFunc(func() { stdin.Close() })
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the *thread* that forked ends: this one stays as long as the child.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		var h hello
		first := bufio.NewScanner(stdout)
		if first.Scan() && json.Unmarshal(first.Bytes(), &h) == nil {
			p.ready <- h
		}
		_, _ = io.Copy(io.Discard, stdout) // until it ends
		p.err = cmd.Wait()
		if p.err == nil {
			p.err = errors.New("without an error")
		}
		p.stop()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", exe, err)
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// MaybeChild turns this process into the engine if it was started to be one,
// and then does not return. It must be the first call of main, and of TestMain
// where engines are started.
func MaybeChild() {
	task, ok := os.LookupEnv(childEnv)
	if !ok {
		return
	}
	_ = os.Unsetenv(childEnv)
	var o order
	if err := json.Unmarshal([]byte(task), &o); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(2)
	}
	parent, out, err := leaveStdio()
	if err == nil {
		err = serve(o, parent, out)
	}
	if err != nil {
		b, _ := json.Marshal(hello{Err: err.Error()}) // a struct of strings
		if out != nil {
			_, _ = out.Write(append(b, '\n')) // the parent hears of us also by our end
		}
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// leaveStdio moves the pipes to the parent away from descriptors 0 and 1,
// which the engine will use.
func leaveStdio() (parent, out *os.File, err error) {
	in, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, nil, err
	}
	o, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, nil, err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(null)
	return os.NewFile(uintptr(in), "parent"), os.NewFile(uintptr(o), "hello"), unix.Dup3(null, 1, 0)
}

// serve is the child's life.
func serve(o order, parent, out *os.File) error {
	runtime.LockOSThread()
	// Standard input becomes a terminal of our own. Without a terminal the
	// engine takes any failing client connection, a wrong password even, for
	// its own end and aborts (ClickHouse issue 115666, mended after this
	// version). With one it waits for somebody to type, at no cost.
	master, err := terminal()
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	l, err := load(o.Library)
	if err != nil {
		return err
	}
	l.signals(0) // signals stay Go's: a crash ends the process at once and the parent sees it

	stop := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(io.Discard, parent) // ends when the parent closes it or is gone
		stop <- struct{}{}
	}()
	term := make(chan os.Signal, 1)
	signal.Notify(term, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() { <-term; stop <- struct{}{} }()

	var wake [2]int
	if err := unix.Pipe2(wake[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	go func() {
		<-stop
		time.AfterFunc(stopTime, func() { os.Exit(3) })
		unix.Close(wake[1])
	}()
	go hold(master, wake[0])
	go announce(l.version(), out)

	err = l.serve("clickhouse", "--config-file="+serverFile(o.Dir), "--path="+o.Dir, "--logger.console", "--log-level=error",
		"--interactive", "--disable_suggestion", "--progress=off", "--highlight=0", "--history_file=/dev/null",
		"--query", "SYSTEM START LISTEN TCP")
	if err != nil {
		return err
	}
	l.shutdown()
	return nil
}

// stopTime bounds an orderly end in the child; 5 s were seen amid queries.
const stopTime = 20 * time.Second

// terminal makes a new pseudo-terminal standard input and returns its other
// side. It is not our controlling terminal.
func terminal() (master int, err error) {
	master, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return 0, err
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return 0, err
	}
	slave, err := unix.Open("/dev/pts/"+strconv.Itoa(n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(slave)
	return master, unix.Dup3(slave, 0, 0)
}

// hold throws away what the engine's prompt prints and hangs up when wake is
// closed: the engine then reads the end of its input. It polls, because a
// goroutine blocked in read keeps the terminal open after close.
func hold(master, wake int) {
	defer unix.Close(master)
	var b [4096]byte
	for {
		p := []unix.PollFd{{Fd: int32(master), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if p[1].Revents != 0 {
			return
		}
		if p[0].Revents != 0 {
			if n, err := unix.Read(master, b[:]); n <= 0 && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}
}

// announce tells the parent the port once the engine listens on one.
func announce(version string, out *os.File) {
	for {
		time.Sleep(5 * time.Millisecond)
		port := listening()
		if port == 0 {
			continue
		}
		c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
		if err != nil {
			continue
		}
		c.Close()
		b, _ := json.Marshal(hello{Port: port, Version: version}) // a struct of strings and a number
		_, _ = out.Write(append(b, '\n'))                         // a parent that does not hear is gone
		return
	}
}

// listening finds the port of this process's only listening socket: the
// engine does not say which one the kernel gave it.
func listening() int {
	ours := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	for _, f := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, "socket:[") {
			ours[strings.TrimSuffix(to[len("socket:["):], "]")] = true
		}
	}
	table, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(table)) {
		w := strings.Fields(line) // sl local rem st tx:rx tr:tm retr uid timeout inode
		if len(w) < 10 || w[3] != "0A" || !ours[w[9]] {
			continue
		}
		if n, err := strconv.ParseUint(w[1][strings.LastIndexByte(w[1], ':')+1:], 16, 16); err == nil {
			return int(n)
		}
	}
	return 0
}
