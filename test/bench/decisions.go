package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// decision is a record as the gate writes them, some 1.1 KB.
func decision(account string, i int) (id string, event []byte) {
	id = uuid.Must(uuid.NewV7()).String()
	now := time.Now().UTC()
	arn := fmt.Sprintf("arn:aws:iam::%s:user/dev/user%05d", account, i%10000)
	r := &events.Record{
		EventVersion: events.EventVersion, EventTime: now, EventSource: "iam.amazonaws.com", EventName: "GetUser", AWSRegion: "us-east-1",
		UserIdentity:    events.UserIdentity{Type: "IAMUser", PrincipalID: "AIDAUXKDEWGQKDNOX1QM8", ARN: arn, AccountID: account, AccessKeyID: "AKIAMKPBUB5W4TY6PSTB", UserName: "user"},
		SourceIPAddress: "203.0.113.7", UserAgent: "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26 api/iam#1.64.8",
		RequestParameters: []byte(`{"userName":"ana"}`), RequestID: uuid.NewString(), EventID: id, ReadOnly: true, EventType: "AwsApiCall",
		APIVersion: "2010-05-08", ManagementEvent: true, RecipientAccountID: account, EventCategory: "Management",
		Resources: []events.Resource{{ARN: arn, AccountID: account, Type: "AWS::IAM::User"}},
		Verdict: events.Verdict{Effect: "Allow", World: 4711, Evaluator: "1", Checks: []events.Check{{Action: "iam:GetUser", Resource: arn, Effect: "Allow",
			Layers:     []events.Layer{{Type: "Identity", Effect: "Allow"}},
			Statements: []events.Statement{{Policy: "arn:aws:iam::" + account + ":policy/dev", Version: "v3", Index: 1, Sid: "Read", Effect: "Allow"}}}}},
	}
	h := events.Header{ID: id, Partition: "aws", Account: account, Type: events.RecordType, Subject: arn, Time: now, Actor: arn, RequestID: r.RequestID}
	return id, events.AppendRecord(nil, &h, r)
}

// decisions: durable decisions through the pager, and the same pages published
// one after the other by nothing but a NATS client.
func decisions(ctx context.Context) error {
	const callers, each = 512, 400
	dir, done, err := temp()
	if err != nil {
		return err
	}
	defer done()
	log, err := journal.Embedded(ctx, filepath.Join(dir, "ours"))
	if err != nil {
		return err
	}
	defer log.Close()
	p, err := journal.NewPager(ctx, log, "bench", nil)
	if err != nil {
		return err
	}
	type made struct {
		id    string
		event []byte
	}
	ready := make([]made, callers*each) // made before: what is measured is writing them down
	for i := range ready {
		ready[i].id, ready[i].event = decision("111122223333", i)
	}
	var mu sync.Mutex
	var latencies []time.Duration
	var failed atomic.Int64
	begin := time.Now()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			mine := make([]time.Duration, 0, each)
			for i := range each {
				d := &ready[c*each+i]
				at := time.Now()
				if _, _, err := p.Add(ctx, d.id, d.event); err != nil {
					failed.Add(1)
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			latencies = append(latencies, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	took := time.Since(begin)
	p.Close()
	if failed.Load() > 0 {
		return fmt.Errorf("%d decisions were not recorded", failed.Load())
	}
	// The same pages, published bare into a stream of its own.
	var pages [][]byte
	for after := uint64(0); ; {
		m, err := log.Read(ctx, journal.Decisions, after, 1000)
		if err != nil {
			return err
		}
		if len(m) == 0 {
			break
		}
		for i := range m {
			pages = append(pages, m[i].Body)
		}
		after = m[len(m)-1].Seq
	}
	bare, err := bareLog(ctx, filepath.Join(dir, "bare"), true)
	if err != nil {
		return err
	}
	defer bare.close()
	begin = time.Now()
	for i, body := range pages {
		if err := bare.publish(ctx, "bare.pages", fmt.Sprint(i), body); err != nil {
			return err
		}
	}
	limit := time.Since(begin)
	n := float64(callers * each)
	row(fmt.Sprintf("durable decisions (%.0f to a page)", n/float64(len(pages))), n/took.Seconds(), n/limit.Seconds(), "/s", "≥ 80 %, ≥ 20 000/s")
	alone("  latency p50, p99, 512 waiting", fmt.Sprintf("%v, %v", percentile(latencies, 50), percentile(latencies, 99)), "p99 ≤ 25 ms")
	return atRate(ctx, dir)
}

// atRate offers 20,000 decisions a second, open loop, and looks at latency.
func atRate(ctx context.Context, dir string) error {
	log, err := journal.Embedded(ctx, filepath.Join(dir, "rate"))
	if err != nil {
		return err
	}
	defer log.Close()
	p, err := journal.NewPager(ctx, log, "bench", nil)
	if err != nil {
		return err
	}
	defer p.Close()
	const rate, seconds = 20_000, 5
	var mu sync.Mutex
	var latencies []time.Duration
	var wg sync.WaitGroup
	begin := time.Now()
	for i := 0; i < rate*seconds; i++ {
		due := begin.Add(time.Duration(i) * time.Second / rate)
		if wait := time.Until(due); wait > time.Millisecond {
			time.Sleep(wait)
		}
		id, event := decision("111122223333", i)
		wg.Go(func() {
			if _, _, err := p.Add(ctx, id, event); err == nil {
				d := time.Since(due)
				mu.Lock()
				latencies = append(latencies, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	alone("  20 000/s offered: kept, p50, p99", fmt.Sprintf("%s, %v, %v", number(float64(len(latencies))/time.Since(begin).Seconds()), percentile(latencies, 50), percentile(latencies, 99)), "p99 ≤ 25 ms")
	return nil
}
