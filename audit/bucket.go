package audit

import (
	"github.com/keytrail/keytrail/query"
)

func (k *ask) object(action, bucket, key string) {
	k.on("arn:aws:s3:::"+bucket+"/"+key, "AWS::S3::Object", nil).action = action
}

func (k *ask) bucket(action, bucket string) *target {
	t := k.on("arn:aws:s3:::"+bucket, "AWS::S3::Bucket", nil)
	t.action = action
	return t
}

// list is judged as S3 judges it: who may list a bucket may be bound to keys
// that begin in some way.
func (k *ask) listBucket(bucket, prefix string) {
	k.bucket("s3:ListBucket", bucket).keys = map[string]string{"s3:prefix": prefix}
}

// buckets are how delivered log files are read, with the permissions that S3
// wants. They are data events: a trail's own reading would else never end.
var buckets = []Action{
	data(search("s3", (*query.View).GetObject, func(k *ask, in *query.GetObjectInput) { k.object("s3:GetObject", in.Bucket, in.Key) }, "bucket key")),
	data(search("s3", (*query.View).HeadObject, func(k *ask, in *query.HeadObjectInput) { k.object("s3:GetObject", in.Bucket, in.Key) }, "bucket key")),
	data(search("s3", (*query.View).ListObjects, func(k *ask, in *query.ListObjectsInput) { k.listBucket(in.Bucket, in.Prefix) }, "bucket prefix marker maxKeys")),
	data(search("s3", (*query.View).ListObjectsV2, func(k *ask, in *query.ListObjectsV2Input) { k.listBucket(in.Bucket, in.Prefix) }, "bucket prefix startAfter maxKeys")),
	search("s3", (*query.View).GetBucketLocation, func(k *ask, in *query.GetBucketLocationInput) {
		k.bucket("s3:GetBucketLocation", in.Bucket)
	}, "bucket"),
}

// data makes a row one of what happens to data.
func data(a Action) Action { a.data = true; return a }
