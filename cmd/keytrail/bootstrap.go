package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events/seal"
)

// bootstrapSecret is the variable with a secret in it.
const bootstrapSecret = "KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY"

var keyID = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)

// bootstrap reads what automation wants the first account to be. It is asked
// only when the log is empty.
func bootstrap() (*commands.CreateAccountInput, error) {
	in := &commands.CreateAccountInput{
		AccountID:       os.Getenv("KEYTRAIL_BOOTSTRAP_ACCOUNT"),
		AccessKeyID:     os.Getenv("KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID"),
		SecretAccessKey: seal.NewSecret(os.Getenv(bootstrapSecret)),
	}
	if (in.AccessKeyID == "") != (len(os.Getenv(bootstrapSecret)) == 0) {
		return nil, failure{exitUsage, errors.New("KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID and KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY go together")}
	}
	if in.AccessKeyID != "" && !keyID.MatchString(in.AccessKeyID) {
		return nil, failure{exitUsage, fmt.Errorf("KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID %q: 16 to 128 capital letters and digits", in.AccessKeyID)}
	}
	if n := len(os.Getenv(bootstrapSecret)); n > 0 && n < 16 {
		return nil, failure{exitUsage, errors.New("KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY is too short to be a secret: 16 characters at least")}
	}
	return in, nil
}

// forget takes a variable out of our environment and out of what the kernel
// shows of it: /proc/PID/environ is the memory that the process was started
// with, for as long as it lives. Copies that Go made stay in its own memory.
func forget(name string) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return
	}
	if err := errors.Join(os.Unsetenv(name), wipe(name, len(value))); err != nil {
		slog.Warn("a secret stays in the environment that this process was started with", "variable", name, "cause", err)
	}
}

// wipe overwrites the value of a variable where the kernel put it.
func wipe(name string, length int) error {
	stat, err := os.ReadFile("/proc/self/stat")
	if errors.Is(err, os.ErrNotExist) {
		return nil // not Linux: there is no such window
	}
	if err != nil {
		return err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from the third on
	if len(fields) < 49 {
		return errors.New("/proc/self/stat does not say where the environment is")
	}
	from, err := strconv.ParseInt(fields[47], 10, 64)
	if err != nil {
		return err
	}
	to, err := strconv.ParseInt(fields[48], 10, 64)
	if err != nil {
		return err
	}
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	environment := make([]byte, to-from)
	if _, err := memory.ReadAt(environment, from); err != nil {
		return err
	}
	at := bytes.Index(append([]byte{0}, environment...), []byte("\x00"+name+"="))
	if at < 0 {
		return nil
	}
	_, err = memory.WriteAt(make([]byte, length), from+int64(at+len(name)+1))
	return err
}
