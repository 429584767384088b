package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keytrail/keytrail/test/harness"
)

// mount makes a filesystem for a test, or skips the test where nobody may.
func mount(t *testing.T, dir string, args ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
		t.Skipf("not tested: mount %s %s: %v: %s (it needs root)", strings.Join(args, " "), dir, err, out)
	}
	t.Cleanup(func() { unmount(t, dir) })
}

func unmount(t *testing.T, dir string) {
	for range 50 {
		err := syscall.Unmount(dir, 0)
		if err == nil || err == syscall.EINVAL { // it is gone already
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
		t.Error(err)
	}
}

// fill writes a file as large as the disk lets it be.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// F-05: the disk is full for a while. Requests are refused at once, nobody hears
// an answer without a record, and the server goes on by itself when there is
// space again.
func TestDiskFull(t *testing.T) {
	rounds := often(t, 3, 30)
	disk := filepath.Join(t.TempDir(), "disk")
	mount(t, disk, "-t", "tmpfs", "-o", "size=64m", "none")
	s := harness.Start(t, harness.Options{NoAudit: true, Dir: filepath.Join(disk, "data")})
	t.Cleanup(s.Kill) // before the disk goes
	l := begin(t, s, 8)
	ballast := filepath.Join(disk, "ballast")
	type span struct{ from, to time.Time }
	var full []span
	for round := range rounds {
		l.answers(50, 30*time.Second)
		fill(t, ballast)
		began := time.Now()
		for l.refused(began) < 20 {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("round %d: the disk is full, and nobody is refused", round)
			}
			fill(t, ballast+"2") // what was freed meanwhile
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Duration(500+rand.N(2500)) * time.Millisecond)
		if err := s.Healthy(); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("round %d: the disk is full, /readyz: %v", round, err)
		}
		for _, name := range []string{ballast, ballast + "2"} {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		freed := time.Now()
		full = append(full, span{began, freed})
		for l.succeeded(freed) == 0 {
			if time.Since(freed) > 15*time.Second {
				t.Fatalf("round %d: nobody is answered 15 s after there was space again\n%s", round, s.Log())
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("round %d: full for %v, answers again %v after there was space", round, freed.Sub(began).Round(time.Millisecond), time.Since(freed).Round(time.Millisecond))
		if time.Since(freed) > 10*time.Second {
			t.Errorf("round %d: it took %v to go on", round, time.Since(freed))
		}
	}
	l.answers(50, 30*time.Second)
	all := l.stop()
	for _, f := range full {
		n, p := took(all, f.from, f.to, 99)
		_, most := took(all, f.from, f.to, 100)
		t.Logf("while full: %d answers, p99 %v, longest %v", n, p.Round(time.Millisecond), most.Round(time.Millisecond))
		if most > 5*time.Second {
			t.Errorf("a request waited %v for its refusal", most)
		}
	}
	judge(t, s, all)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// F-03: the power fails. The store lies on a filesystem of its own, whose image is
// copied under the stopped server: what the kernel had not written to it is lost
// with the machine. Milder than a real cut: sectors are neither torn nor reordered.
func TestPowerCut(t *testing.T) {
	rounds := often(t, 2, 20)
	dir := t.TempDir()
	image, disk := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(256 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("not tested: mkfs.ext4: %v: %s", err, out)
	}
	mount(t, disk, "-o", "loop", image)
	s := harness.Start(t, harness.Options{NoAudit: true, Dir: filepath.Join(disk, "data")})
	t.Cleanup(s.Kill)
	l := begin(t, s, 8)
	for round := range rounds {
		l.answers(50, 30*time.Second)
		time.Sleep(time.Duration(500+rand.N(1500)) * time.Millisecond)
		if err := s.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		// Those whom it had told before it was stopped have heard it before it runs again.
		copied := image + fmt.Sprint(round)
		if out, err := exec.Command("cp", "--sparse=always", image, copied).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
		s.Kill()
		unmount(t, disk)
		mount(t, disk, "-o", "loop", copied)
		image = copied
		began := time.Now()
		if err := s.Restart(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		t.Logf("round %d: back after %v", round, time.Since(began).Round(time.Millisecond))
	}
	l.answers(1, 30*time.Second)
	all := l.stop()
	judge(t, s, all)
}

// refused and succeeded count answers that began after a moment.
func (l *load) refused(since time.Time) int {
	return l.since(since, func(a *told) bool { return a.Status == http.StatusServiceUnavailable })
}
func (l *load) succeeded(since time.Time) int {
	return l.since(since, func(a *told) bool { return a.answered() })
}

func (l *load) since(when time.Time, is func(*told) bool) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.recent) - 1; i >= 0 && l.recent[i].At.Add(l.recent[i].Took).After(when); i-- {
		if is(&l.recent[i]) && l.recent[i].At.After(when) {
			n++
		}
	}
	return n
}
