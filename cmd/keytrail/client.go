package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/query"
)

// client asks a running server. It is one more AWS client: credentials and
// region are found where every AWS tool finds them, requests are signed, and
// what it asks is judged and recorded.
type client struct {
	endpoint string
	profile  string
}

func (c *client) flags(cmd *cobra.Command) {
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		endpoint = "http://127.0.0.1:4566"
	}
	cmd.PersistentFlags().StringVar(&c.endpoint, "endpoint", endpoint, "URL of the server (default: AWS_ENDPOINT_URL)")
	cmd.PersistentFlags().StringVar(&c.profile, "profile", "", "profile of the AWS credentials file")
}

// call asks for an action of our own service.
func (c *client) call(ctx context.Context, action string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithSharedConfigProfile(c.profile), config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return failure{exitReach, err}
	}
	creds, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return failure{exitReach, fmt.Errorf("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --profile (%w)", err)}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return failure{exitUsage, err}
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", ownTarget+action)
	region := cfg.Region
	if region == "" {
		region = "us-east-1"
	}
	sigv4.Sign(req, body, sigv4.Credentials{KeyID: creds.AccessKeyID, Secret: seal.NewSecret(creds.SecretAccessKey), Token: creds.SessionToken}, ownService, region, time.Now())
	var via aws.HTTPClient = &http.Client{}
	if cfg.HTTPClient != nil {
		via = cfg.HTTPClient // which trusts what AWS_CA_BUNDLE names
	}
	resp, err := via.Do(req)
	if err != nil {
		return failure{exitReach, err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 512<<20))
	if err != nil {
		return failure{exitReach, err}
	}
	if resp.StatusCode != http.StatusOK {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if json.Unmarshal(b, &e) != nil || e.Type == "" {
			return failure{exitReach, fmt.Errorf("%s answers %s", c.endpoint, resp.Status)}
		}
		return failure{exitReach, fmt.Errorf("%s: %s: %s", action, e.Type, e.Message)}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return failure{exitReach, fmt.Errorf("%s: the answer does not read: %w", action, err)}
	}
	return nil
}

// remote is the log of a running server, for reading.
type remote struct {
	client *client
}

var errReadOnly = errors.New("a log read through the API can't be written")

// Read implements journal.Log.
func (r *remote) Read(ctx context.Context, s journal.Stream, after uint64, limit int) ([]journal.Message, error) {
	var out query.ReadJournalOutput
	if err := r.client.call(ctx, "ReadJournal", query.ReadJournalInput{Stream: string(s), After: after, Limit: limit}, &out); err != nil {
		return nil, err
	}
	messages := make([]journal.Message, len(out.Messages))
	for i, m := range out.Messages {
		messages[i] = journal.Message{Seq: m.Seq, Key: m.Key, ID: m.ID, Link: m.Link, Stored: m.Stored, Body: m.Body}
	}
	return messages, nil
}

// Append, Send, Follow, Last, End, Mark and Marked implement journal.Log as far as a
// reader can.
func (r *remote) Append(context.Context, journal.Stream, uint64, journal.Message) (uint64, error) {
	return 0, errReadOnly
}
func (r *remote) Send(journal.Stream, uint64, journal.Message) <-chan journal.Ack {
	done := make(chan journal.Ack, 1)
	done <- journal.Ack{Err: errReadOnly}
	return done
}
func (r *remote) Follow(context.Context, journal.Stream, uint64, func(journal.Message) error) error {
	return errReadOnly
}
func (r *remote) Last(context.Context, journal.Stream, string) (journal.Message, error) {
	return journal.Message{}, errReadOnly
}
func (r *remote) End(ctx context.Context, s journal.Stream) (uint64, error) {
	var out query.ReadJournalOutput
	err := r.client.call(ctx, "ReadJournal", query.ReadJournalInput{Stream: string(s), Limit: 1}, &out)
	return out.End, err
}
func (r *remote) Mark(context.Context, string, []byte, uint64) (uint64, error) { return 0, errReadOnly }
func (r *remote) Marked(context.Context, string) ([]byte, uint64, error) {
	return nil, 0, journal.ErrNone
}
