// Package scenarios holds the promises to users as scripts: each is a page
// that an auditor can read, run with the unmodified AWS CLI against a real
// server, and ends with verify. KEYTRAIL_AWS names another AWS CLI than the
// aws of PATH.
//
// Beside testscript's own commands (exec, stdout, stderr, cmp, env, grep, …):
//
//	server [FLAGS]         start a server on a folder of this script's own; also: server stop|kill|restart
//	user NAME...           make users, each with an access key (as the root user)
//	key NAME [USER]        make an access key of USER (default: NAME) as whoever one is, and remember it as NAME
//	account NAME ID        make another account; NAME is its root user, $NAME its id
//	as NAME                be NAME from now on; root is the first account's root user
//	as-role NAME ARN [..]  assume a role with the AWS CLI, remember the session as NAME, and be it
//	as-session NAME [..]   the same with get-session-token
//	aws ...                the AWS CLI
//	keytrail ...           our own CLI
//	totp FILE STEPS...     set $code1, $code2 … to what the MFA device with the seed in FILE shows so many steps of 30 s from now;
//	                       with +, so many after the newest code that was set before and was not of the future
//	set NAME               keep what the last command printed as $NAME
//	trail EVENT WHO [TEXT] wait until LookupEvents shows the newest EVENT of WHO (user or session name; root;
//	                       nobody) whose lines match the regular expression TEXT, and print those lines
//	verify                 keytrail verify and keytrail replay --verify must both pass, and every record have the form of record/schema.json
//	certificate NAME       make NAME.pem and NAME.key for 127.0.0.1, its own authority
//	served NAME            wait until the server shows the certificate NAME.pem
package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/test/harness"
)

// The promise is that an event can be found within seconds; the rest of the
// wait is for machines that run many tests at once.
const trailWait = 15 * time.Second

func TestScenarios(t *testing.T) {
	cli := awsCLI(t)
	told := readsEndpoint(t, cli)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			x := &script{t: e.T().(testing.TB), cli: cli, told: told, who: "root", keys: map[string]harness.Credentials{}, accounts: map[string]string{}}
			e.Values["script"] = x
			e.Defer(func() { // before its folder goes
				if x.s != nil {
					x.s.Kill()
				}
			})
			e.Vars = append(e.Vars, "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nonexistent",
				"AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "AWS_DEFAULT_OUTPUT=json", "AWS_DEFAULT_REGION="+harness.Region, "AWS_REGION="+harness.Region)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": with((*script).server), "user": with((*script).user), "key": with((*script).key), "account": with((*script).account),
			"as": with((*script).as), "as-role": with((*script).asRole), "as-session": with((*script).asSession),
			"aws": with((*script).aws), "keytrail": with((*script).keytrail), "set": with((*script).set), "totp": with((*script).totp),
			"trail": with((*script).trail), "verify": with((*script).verify),
			"certificate": with((*script).certificate), "served": with((*script).served),
		},
	})
}

// awsCLI finds the AWS CLI. Without one nothing is tested, so that is a failure.
func awsCLI(t *testing.T) string {
	name := os.Getenv("KEYTRAIL_AWS")
	if name == "" {
		name = "aws"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the scenarios need the AWS CLI: %v (or name it in KEYTRAIL_AWS)", err)
	}
	// A pyenv shim is a shell script that looks for the real thing each time.
	if real, err := exec.Command("pyenv", "which", name).Output(); err == nil && strings.Contains(path, "/shims/") {
		path = strings.TrimSpace(string(real))
	}
	path, err = filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// readsEndpoint says whether the CLI knows AWS_ENDPOINT_URL. Debian 12's does
// not, and would take our requests to AWS.
func readsEndpoint(t *testing.T, cli string) bool {
	out, err := exec.Command(cli, "--version").Output() // aws-cli/2.9.19 Python/3.11.2 …
	var major, minor int
	if err == nil {
		_, err = fmt.Sscanf(string(out), "aws-cli/%d.%d.", &major, &minor)
	}
	if err != nil {
		t.Fatalf("%s --version: %v: %s", cli, err, out)
	}
	t.Logf("%s is %s", cli, out)
	return major == 1 && minor >= 29 || major == 2 && minor >= 13 || major > 2
}

// condition: [botocore] there is a Python with the SDK's core.
func condition(name string) (bool, error) {
	if name != "botocore" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return exec.Command("python3", "-c", "import botocore").Run() == nil, nil
}

// script is what one script has made so far.
type script struct {
	t        testing.TB
	cli      string
	told     bool // cli finds the server by AWS_ENDPOINT_URL
	s        *harness.Server
	who      string
	keys     map[string]harness.Credentials
	accounts map[string]string // name of who has a key → name of her account's root user
	step     int               // of the newest code of an MFA device
}

func with(f func(*script, *testscript.TestScript, bool, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		f(ts.Value("script").(*script), ts, neg, args)
	}
}

// outcome fails the script unless err is there exactly if neg says so.
func outcome(ts *testscript.TestScript, neg bool, err error) {
	switch {
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	case err == nil && neg:
		ts.Fatalf("succeeded, and should not have")
	}
}

func must(ts *testscript.TestScript, neg bool, args []string, least, most int) {
	if neg {
		ts.Fatalf("can't be negated")
	}
	if len(args) < least || len(args) > most {
		ts.Fatalf("%d to %d arguments", least, most)
	}
}

func (x *script) server(ts *testscript.TestScript, neg bool, args []string) {
	var err error
	switch {
	case len(args) == 1 && args[0] == "stop":
		err = x.s.Stop()
	case len(args) == 1 && args[0] == "kill":
		x.s.Kill()
	case len(args) == 1 && args[0] == "restart":
		if err = x.s.Restart(); err == nil {
			err = x.ready()
		}
	default:
		o := harness.Options{Dir: filepath.Join(ts.Getenv("WORK"), "data")}
		for len(args) > 0 && args[0] != "" {
			if args[0] == "--listen" {
				o.Listen = args[1]
			} else if args[0] == "--data" {
				o.Dir = ts.MkAbs(args[1])
			} else {
				o.Args = append(o.Args, args[:2]...)
			}
			args = args[2:]
		}
		s := harness.Prepare(x.t, o)
		if err = s.Launch(); err == nil {
			x.s = s
			x.keys["root"], x.accounts["root"] = s.Root, "root"
			ts.Setenv("ACCOUNT", s.Account)
			ts.Setenv("AWS_ENDPOINT_URL", s.URL)
			x.be(ts, "root")
			err = x.ready()
		} else {
			fmt.Fprintln(ts.Stderr(), err)
		}
	}
	outcome(ts, neg, err)
}

// ready waits until the trail can be searched, which the server itself never
// waits for.
func (x *script) ready() error {
	if !strings.HasPrefix(x.s.URL, "http://") {
		return nil
	}
	// An empty DECISIONS counts as not ready if the engine was slow to start.
	if _, err := x.s.Call(x.s.Root, "sts", "GetCallerIdentity", nil); err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := x.s.Searchable()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (x *script) be(ts *testscript.TestScript, name string) {
	c, ok := x.keys[name]
	if !ok {
		ts.Fatalf("nobody is called %s: make a key first", name)
	}
	x.who = name
	for _, v := range c.Env() {
		name, value, _ := strings.Cut(v, "=")
		ts.Setenv(name, value)
	}
}

func (x *script) as(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 1, 1)
	x.be(ts, args[0])
}

func (x *script) user(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 1, 9)
	for _, name := range args {
		c, err := x.s.User(context.Background(), name)
		ts.Check(err)
		x.keys[name], x.accounts[name] = c, "root"
	}
}

func (x *script) key(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 1, 2)
	c, err := x.s.Key(context.Background(), x.keys[x.who], args[len(args)-1])
	ts.Check(err)
	x.keys[args[0]], x.accounts[args[0]] = c, x.accounts[x.who]
	ts.Setenv(args[0]+"_key", c.KeyID)
}

func (x *script) account(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 2, 2)
	ts.Check(ts.Exec(x.s.Binary, "account", "create", "--name", args[0], "--id", args[1], "--output", "json"))
	var out struct{ AccountID, AccessKeyID, SecretAccessKey string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &out))
	x.keys[args[0]], x.accounts[args[0]] = harness.Credentials{KeyID: out.AccessKeyID, Secret: out.SecretAccessKey}, args[0]
	ts.Setenv(args[0], out.AccountID)
}

func (x *script) asRole(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, false, args, 2, 20)
	x.session(ts, neg, args[0], append([]string{"assume-role", "--role-session-name", args[0], "--role-arn", args[1]}, args[2:]...))
}

func (x *script) asSession(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, false, args, 1, 20)
	x.session(ts, neg, args[0], append([]string{"get-session-token"}, args[1:]...))
}

func (x *script) session(ts *testscript.TestScript, neg bool, name string, args []string) {
	err := x.run(ts, append([]string{"sts"}, args...))
	outcome(ts, neg, err)
	if err != nil {
		return
	}
	var out struct {
		Credentials     struct{ AccessKeyId, SecretAccessKey, SessionToken string }
		AssumedRoleUser struct{ Arn string }
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &out))
	c := out.Credentials
	x.keys[name], x.accounts[name] = harness.Credentials{KeyID: c.AccessKeyId, Secret: c.SecretAccessKey, Token: c.SessionToken}, x.accounts[x.who]
	for root := range x.accounts { // the account of the role, if it is another
		if id := ts.Getenv(root); id != "" && strings.Contains(out.AssumedRoleUser.Arn, ":"+id+":") {
			x.accounts[name] = root
		}
	}
	x.be(ts, name)
}

func (x *script) aws(ts *testscript.TestScript, neg bool, args []string) {
	outcome(ts, neg, x.run(ts, args))
}

func (x *script) run(ts *testscript.TestScript, args []string) error {
	if !x.told {
		args = append([]string{"--endpoint-url", ts.Getenv("AWS_ENDPOINT_URL")}, args...)
	}
	return ts.Exec(x.cli, args...)
}

func (x *script) keytrail(ts *testscript.TestScript, neg bool, args []string) {
	outcome(ts, neg, ts.Exec(x.s.Binary, args...))
}

func (x *script) set(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 1, 1)
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func (x *script) totp(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 2, 9)
	seed := seal.NewSecret(strings.TrimSpace(ts.ReadFile(args[0])))
	now := int(time.Now().Unix() / seal.CodeStep)
	for i, arg := range args[1:] {
		step, err := strconv.Atoi(arg)
		ts.Check(err)
		if strings.HasPrefix(arg, "+") {
			step += x.step
		} else {
			step += now
		}
		if step <= now || strings.HasPrefix(arg, "+") {
			x.step = max(x.step, step)
		}
		code, err := seal.Code(seed, step)
		ts.Check(err)
		ts.Setenv(fmt.Sprint("code", i+1), code.Reveal())
	}
}

func (x *script) trail(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 2, 3)
	text := regexp.MustCompile("")
	if len(args) == 3 {
		text = regexp.MustCompile("(?m)" + args[2])
	}
	root := x.keys[x.accounts[x.who]] // the account's own root user looks
	asked := time.Now()
	for wait := 50 * time.Millisecond; ; wait = min(wait*2, time.Second) {
		out, err := x.s.CloudTrail(root).LookupEvents(context.Background(), &cloudtrail.LookupEventsInput{
			LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: &args[0]}},
		})
		ts.Check(err)
		for _, e := range out.Events {
			var r events.Record
			ts.Check(json.Unmarshal([]byte(*e.CloudTrailEvent), &r))
			if lines := describe(&r); actor(&r) == args[1] && text.MatchString(lines) {
				fmt.Fprint(ts.Stdout(), lines)
				return
			}
		}
		if time.Since(asked) > trailWait {
			for _, e := range out.Events {
				ts.Logf("%s", aws.ToString(e.CloudTrailEvent))
			}
			ts.Fatalf("after %v the trail shows no %s of %s with %q", trailWait, args[0], args[1], text)
		}
		time.Sleep(wait)
	}
}

// actor is who asked, in one word.
func actor(r *events.Record) string {
	u := r.UserIdentity
	switch u.Type {
	case "Root":
		return "root"
	case "Unknown":
		return "nobody"
	}
	return u.ARN[strings.LastIndexByte(u.ARN, '/')+1:]
}

// describe shows a record as a person would tell it.
func describe(r *events.Record) string {
	var b strings.Builder
	who := r.UserIdentity.ARN
	if who == "" {
		who = r.UserIdentity.AccountID
	}
	fmt.Fprintf(&b, "who       %s %s\n", r.UserIdentity.Type, who)
	if c := r.UserIdentity.SessionContext; c != nil && c.SourceIdentity != "" {
		fmt.Fprintf(&b, "source    %s\n", c.SourceIdentity)
	}
	readOnly := ""
	if r.ReadOnly {
		readOnly = " (read only)"
	}
	fmt.Fprintf(&b, "asked     %s %s%s\n", r.EventSource, r.EventName, readOnly)
	for _, o := range r.Resources {
		fmt.Fprintf(&b, "on        %s %s\n", o.Type, o.ARN)
	}
	fmt.Fprintf(&b, "decision  %s\n", r.Verdict.Effect)
	for _, c := range r.Verdict.Checks {
		for _, s := range c.Statements {
			fmt.Fprintf(&b, "because   %s of %s statement %d %s\n", s.Effect, s.Policy, s.Index, s.Sid)
		}
		for _, n := range c.Near {
			fmt.Fprintf(&b, "near      %s statement %d but for its %s\n", n.Policy, n.Index, n.Failed)
		}
	}
	if r.ErrorCode != "" {
		fmt.Fprintf(&b, "error     %s: %s\n", r.ErrorCode, r.ErrorMessage)
	}
	if p := string(r.RequestParameters); p != "" && p != "null" {
		fmt.Fprintf(&b, "input     %s\n", p)
	}
	if p := string(r.ResponseElements); p != "" && p != "null" {
		fmt.Fprintf(&b, "output    %s\n", p)
	}
	return b.String()
}

func (x *script) verify(ts *testscript.TestScript, neg bool, args []string) {
	must(ts, neg, args, 0, 0)
	export, err := os.MkdirTemp(ts.Getenv("WORK"), "export-")
	ts.Check(err)
	for _, command := range [][]string{{"verify", "--to", export}, {"replay", "--verify"}} {
		x.be(ts, "root")
		ts.Check(ts.Exec(x.s.Binary, command...))
	}
	schema, err := recordSchema()
	ts.Check(err)
	ts.Check(exported(export, func(e events.Raw) error {
		if e.Type != events.RecordType {
			return nil
		}
		return valid(schema, e.Data)
	}))
}
