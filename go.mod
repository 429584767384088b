module github.com/keytrail/keytrail

go 1.26.8

require (
	github.com/ClickHouse/clickhouse-go/v2 v2.50.0 // rows into ClickHouse, and searches
	github.com/aws/aws-sdk-go-v2 v1.47.7 // of our own CLI and of asking for a policy, as a client; its types are the wire
	github.com/aws/aws-sdk-go-v2/config v1.33.15 // credentials and endpoint of our own CLI, found as every AWS tool finds them
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.20.7 // switched off there: nobody asks a metadata service
	github.com/aws/aws-sdk-go-v2/service/accessanalyzer v1.49.1 // types of the wire
	github.com/aws/aws-sdk-go-v2/service/cloudtrail v1.56.0 // types of the wire
	github.com/aws/aws-sdk-go-v2/service/iam v1.64.8 // types of the wire
	github.com/aws/aws-sdk-go-v2/service/organizations v1.62.6 // types of the wire
	github.com/aws/aws-sdk-go-v2/service/sts v1.51.8 // types of the wire
	github.com/aws/smithy-go v1.28.8 // errors as AWS has them
	github.com/boombuler/barcode v1.1.0 // the QR code of an MFA device
	github.com/ebitengine/purego v0.11.3 // loads the ClickHouse engine without cgo
	github.com/google/uuid v1.6.0 // ids of events and requests
	github.com/klauspost/compress v1.20.3 // zstd of snapshots
	github.com/nats-io/nats-server/v2 v2.15.2 // the embedded log
	github.com/nats-io/nats.go v1.55.0 // the log, embedded or not
	github.com/shopspring/decimal v1.5.0 // decimals of ClickHouse in an answer
	github.com/spf13/cobra v1.10.2 // the command line
	github.com/spf13/pflag v1.0.9 // its flags, also from variables and a file
	github.com/tidwall/btree v1.8.2 // tables that copy in constant time
	go.yaml.in/yaml/v3 v3.0.6 // the file of --config
	golang.org/x/crypto v0.58.0 // argon2id
	golang.org/x/mod v0.42.0 // signed notes and the Merkle tree of checkpoints
	golang.org/x/sys v0.49.0 // the pseudo-terminal of the engine, file locks
	golang.org/x/time v0.16.0 // rates
)

// What only tests need.
require (
	github.com/aws/aws-sdk-go-v2/credentials v1.20.15 // SDK clients with keys of a test
	github.com/cloudevents/sdk-go/v2 v2.16.2 // validates every CloudEvent that we append by hand
	github.com/google/go-cmp v0.7.0 // differences of structs
	github.com/rogpeppe/go-internal v1.16.0 // testscript: the scenarios
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // the published form of records
	github.com/transparency-dev/merkle v0.0.2 // the oracle of our tree
	go.uber.org/goleak v1.3.0 // nothing is left running
	pgregory.net/rapid v1.3.0 // histories and properties
)

require (
	github.com/ClickHouse/ch-go v0.74.0 // indirect
	github.com/andybalholm/brotli v1.2.6 // indirect
	github.com/antithesishq/antithesis-sdk-go v0.8.0-default-no-op // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.24 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.14.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.12.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.39.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.44.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-faster/city v1.0.1 // indirect
	github.com/go-faster/errors v0.7.1 // indirect
	github.com/google/go-tpm v0.9.8 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/minio/highwayhash v1.0.4 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/nats-io/jwt/v2 v2.8.2 // indirect
	github.com/nats-io/nkeys v0.4.16 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	github.com/paulmach/orb v0.13.0 // indirect
	github.com/pierrec/lz4/v4 v4.1.27 // indirect
	github.com/segmentio/asm v1.2.1 // indirect
	go.opentelemetry.io/otel v1.47.0 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
)
