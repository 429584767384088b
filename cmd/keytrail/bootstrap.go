package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events/seal"
)

var keyID = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)

// bootstrap reads what automation wants the first account to be. It is asked
// only when the log is empty.
func bootstrap() (*commands.CreateAccountInput, error) {
	in := &commands.CreateAccountInput{
		AccountID:       os.Getenv("KEYTRAIL_BOOTSTRAP_ACCOUNT"),
		AccessKeyID:     os.Getenv("KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID"),
		SecretAccessKey: seal.NewSecret(os.Getenv("KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY")),
	}
	if (in.AccessKeyID == "") != (len(os.Getenv("KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY")) == 0) {
		return nil, failure{exitUsage, errors.New("KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID and KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY go together")}
	}
	if in.AccessKeyID != "" && !keyID.MatchString(in.AccessKeyID) {
		return nil, failure{exitUsage, fmt.Errorf("KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID %q: 16 to 128 capital letters and digits", in.AccessKeyID)}
	}
	if n := len(os.Getenv("KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY")); n > 0 && n < 16 {
		return nil, failure{exitUsage, errors.New("KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY is too short to be a secret: 16 characters at least")}
	}
	return in, nil
}
