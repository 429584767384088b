package query

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"time"

	"github.com/aws/smithy-go"
)

// What trails delivered can be read as from S3: one file, a list of keys, and
// where the bucket is. Nothing can be written. A bucket is an account's own.

// Object is a delivered file, open. Who has it closes File.
type Object struct {
	ObjectInfo
	File     *os.File
	Metadata map[string]string // of x-amz-meta-
}

// ObjectInfo is what is told of a file without opening it.
type ObjectInfo struct {
	Key      string
	Size     int64
	Modified time.Time
	ETag     string
}

// Errors of a Delivery.
var (
	ErrNoBucket = errors.New("no such bucket")
	ErrNoObject = errors.New("no such key")
)

// GetObjectInput names a file.
type GetObjectInput struct{ Bucket, Key string }

// HeadObjectInput names a file of which only the head is wanted.
type HeadObjectInput struct{ Bucket, Key string }

// GetBucketLocationInput asks in which region a bucket is.
type GetBucketLocationInput struct{ Bucket string }

// GetBucketLocationOutput is the region.
type GetBucketLocationOutput struct{ Region string }

// ListObjectsInput asks for keys in order.
type ListObjectsInput struct {
	Bucket, Prefix, Marker string
	MaxKeys                int
}

// ListObjectsV2Input does too, with a token to go on.
type ListObjectsV2Input struct {
	Bucket, Prefix, StartAfter, ContinuationToken string
	MaxKeys                                       int
}

// ListObjectsOutput is a page of keys. Next is the last of them if there are more.
type ListObjectsOutput struct {
	Objects []ObjectInfo
	Next    string
}

const maxKeys = 1000

// GetObject opens a delivered file.
func (v *View) GetObject(ctx context.Context, in *GetObjectInput) (*Object, error) {
	d, err := v.delivery(in.Bucket)
	if err != nil {
		return nil, err
	}
	o, err := d.Object(v.Account.ID, in.Bucket, in.Key)
	return o, noBucket(err)
}

// HeadObject is GetObject of which the body is not read.
func (v *View) HeadObject(ctx context.Context, in *HeadObjectInput) (*Object, error) {
	return v.GetObject(ctx, &GetObjectInput{in.Bucket, in.Key})
}

// GetBucketLocation says that a bucket is where the server is.
func (v *View) GetBucketLocation(ctx context.Context, in *GetBucketLocationInput) (*GetBucketLocationOutput, error) {
	d, err := v.delivery(in.Bucket)
	if err != nil {
		return nil, err
	}
	if _, err := d.Objects(v.Account.ID, in.Bucket, "", "", 1); err != nil {
		return nil, noBucket(err)
	}
	return &GetBucketLocationOutput{v.Region}, nil
}

// ListObjects lists keys after a marker.
func (v *View) ListObjects(ctx context.Context, in *ListObjectsInput) (*ListObjectsOutput, error) {
	return v.objects(in.Bucket, in.Prefix, in.Marker, in.MaxKeys)
}

// ListObjectsV2 lists keys after what the token of the page before stands for.
func (v *View) ListObjectsV2(ctx context.Context, in *ListObjectsV2Input) (*ListObjectsOutput, error) {
	after := in.StartAfter
	if in.ContinuationToken != "" {
		b, err := base64.RawURLEncoding.DecodeString(in.ContinuationToken)
		if err != nil {
			return nil, &smithy.GenericAPIError{Code: "InvalidArgument", Message: "The continuation token provided is incorrect", Fault: smithy.FaultClient}
		}
		after = string(b)
	}
	out, err := v.objects(in.Bucket, in.Prefix, after, in.MaxKeys)
	if err == nil && out.Next != "" {
		out.Next = base64.RawURLEncoding.EncodeToString([]byte(out.Next))
	}
	return out, err
}

func (v *View) objects(bucket, prefix, after string, most int) (*ListObjectsOutput, error) {
	d, err := v.delivery(bucket)
	if err != nil {
		return nil, err
	}
	most = min(max(most, 0), maxKeys)
	all, err := d.Objects(v.Account.ID, bucket, prefix, after, most+1)
	if err != nil {
		return nil, noBucket(err)
	}
	out := &ListObjectsOutput{Objects: all}
	if len(all) > most {
		out.Objects = all[:most]
		if most > 0 {
			out.Next = all[most-1].Key
		}
	}
	return out, nil
}

func (v *View) delivery(bucket string) (Delivery, error) {
	if v.Delivery == nil {
		return nil, noBucket(ErrNoBucket)
	}
	return v.Delivery, nil
}

// noBucket is err in S3's words.
func noBucket(err error) error {
	switch {
	case errors.Is(err, ErrNoBucket):
		return &smithy.GenericAPIError{Code: "NoSuchBucket", Message: "The specified bucket does not exist", Fault: smithy.FaultClient}
	case errors.Is(err, ErrNoObject):
		return &smithy.GenericAPIError{Code: "NoSuchKey", Message: "The specified key does not exist.", Fault: smithy.FaultClient}
	case err != nil:
		return unavailable(err)
	}
	return nil
}
