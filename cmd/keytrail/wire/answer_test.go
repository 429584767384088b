package wire

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
)

// exceptions are the SDK's error types.
var exceptions = map[string][]smithy.APIError{
	"iam": {
		&iamtypes.AccountNotManagementOrDelegatedAdministratorException{}, &iamtypes.CallerIsNotManagementAccountException{}, &iamtypes.ConcurrentModificationException{},
		&iamtypes.CredentialReportExpiredException{}, &iamtypes.CredentialReportNotPresentException{}, &iamtypes.CredentialReportNotReadyException{}, &iamtypes.DeleteConflictException{},
		&iamtypes.DuplicateCertificateException{}, &iamtypes.DuplicateSSHPublicKeyException{}, &iamtypes.EntityAlreadyExistsException{}, &iamtypes.EntityTemporarilyUnmodifiableException{},
		&iamtypes.FeatureDisabledException{}, &iamtypes.FeatureEnabledException{}, &iamtypes.InvalidAuthenticationCodeException{}, &iamtypes.InvalidCertificateException{}, &iamtypes.InvalidInputException{},
		&iamtypes.InvalidPublicKeyException{}, &iamtypes.InvalidUserTypeException{}, &iamtypes.KeyPairMismatchException{}, &iamtypes.LimitExceededException{}, &iamtypes.MalformedCertificateException{},
		&iamtypes.MalformedPolicyDocumentException{}, &iamtypes.NoSuchEntityException{}, &iamtypes.OpenIdIdpCommunicationErrorException{}, &iamtypes.OrganizationNotFoundException{},
		&iamtypes.OrganizationNotInAllFeaturesModeException{}, &iamtypes.PasswordPolicyViolationException{}, &iamtypes.PolicyEvaluationException{}, &iamtypes.PolicyNotAttachableException{},
		&iamtypes.ReportGenerationLimitExceededException{}, &iamtypes.ServiceAccessNotEnabledException{}, &iamtypes.ServiceFailureException{}, &iamtypes.ServiceNotSupportedException{},
		&iamtypes.UnmodifiableEntityException{}, &iamtypes.UnrecognizedPublicKeyEncodingException{},
	},
	"sts": {
		&ststypes.ExpiredTokenException{}, &ststypes.ExpiredTradeInTokenException{}, &ststypes.IDPCommunicationErrorException{}, &ststypes.IDPRejectedClaimException{}, &ststypes.InvalidAuthorizationMessageException{},
		&ststypes.InvalidIdentityTokenException{}, &ststypes.JWTPayloadSizeExceededException{}, &ststypes.MalformedPolicyDocumentException{}, &ststypes.OutboundWebIdentityFederationDisabledException{},
		&ststypes.PackedPolicyTooLargeException{}, &ststypes.RegionDisabledException{}, &ststypes.SessionDurationEscalationException{},
	},
	"cloudtrail": {
		&cttypes.AccessDeniedException{}, &cttypes.AccountHasOngoingImportException{}, &cttypes.AccountNotFoundException{}, &cttypes.AccountNotRegisteredException{},
		&cttypes.AccountRegisteredException{}, &cttypes.CannotDelegateManagementAccountException{}, &cttypes.ChannelAlreadyExistsException{}, &cttypes.ChannelARNInvalidException{},
		&cttypes.ChannelExistsForEDSException{}, &cttypes.ChannelMaxLimitExceededException{}, &cttypes.ChannelNotFoundException{}, &cttypes.CloudTrailAccessNotEnabledException{},
		&cttypes.CloudTrailARNInvalidException{}, &cttypes.CloudTrailInvalidClientTokenIdException{}, &cttypes.CloudWatchLogsDeliveryUnavailableException{},
		&cttypes.ConcurrentModificationException{}, &cttypes.ConflictException{}, &cttypes.DelegatedAdminAccountLimitExceededException{}, &cttypes.EventDataStoreAlreadyExistsException{},
		&cttypes.EventDataStoreARNInvalidException{}, &cttypes.EventDataStoreFederationEnabledException{}, &cttypes.EventDataStoreHasOngoingImportException{},
		&cttypes.EventDataStoreMaxLimitExceededException{}, &cttypes.EventDataStoreNotFoundException{}, &cttypes.EventDataStoreTerminationProtectedException{}, &cttypes.GenerateResponseException{},
		&cttypes.ImportNotFoundException{}, &cttypes.InactiveEventDataStoreException{}, &cttypes.InactiveQueryException{}, &cttypes.InsightNotEnabledException{},
		&cttypes.InsufficientDependencyServiceAccessPermissionException{}, &cttypes.InsufficientEncryptionPolicyException{}, &cttypes.InsufficientIAMAccessPermissionException{},
		&cttypes.InsufficientS3BucketPolicyException{}, &cttypes.InsufficientSnsTopicPolicyException{}, &cttypes.InvalidCloudWatchLogsLogGroupArnException{},
		&cttypes.InvalidCloudWatchLogsRoleArnException{}, &cttypes.InvalidDateRangeException{}, &cttypes.InvalidEventCategoryException{}, &cttypes.InvalidEventDataStoreCategoryException{},
		&cttypes.InvalidEventDataStoreStatusException{}, &cttypes.InvalidEventSelectorsException{}, &cttypes.InvalidHomeRegionException{}, &cttypes.InvalidImportSourceException{},
		&cttypes.InvalidInsightSelectorsException{}, &cttypes.InvalidKmsKeyIdException{}, &cttypes.InvalidLookupAttributesException{}, &cttypes.InvalidMaxResultsException{},
		&cttypes.InvalidNextTokenException{}, &cttypes.InvalidParameterCombinationException{}, &cttypes.InvalidParameterException{}, &cttypes.InvalidQueryStatementException{},
		&cttypes.InvalidQueryStatusException{}, &cttypes.InvalidS3BucketNameException{}, &cttypes.InvalidS3PrefixException{}, &cttypes.InvalidSnsTopicNameException{},
		&cttypes.InvalidSourceException{}, &cttypes.InvalidTagParameterException{}, &cttypes.InvalidTimeRangeException{}, &cttypes.InvalidTokenException{}, &cttypes.InvalidTrailNameException{},
		&cttypes.KmsException{}, &cttypes.KmsKeyDisabledException{}, &cttypes.KmsKeyNotFoundException{}, &cttypes.MaxConcurrentQueriesException{}, &cttypes.MaximumNumberOfTrailsExceededException{},
		&cttypes.NoManagementAccountSLRExistsException{}, &cttypes.NotOrganizationManagementAccountException{}, &cttypes.NotOrganizationMasterAccountException{},
		&cttypes.OperationNotPermittedException{}, &cttypes.OrganizationNotInAllFeaturesModeException{}, &cttypes.OrganizationsNotInUseException{}, &cttypes.QueryIdNotFoundException{},
		&cttypes.ResourceARNNotValidException{}, &cttypes.ResourceNotFoundException{}, &cttypes.ResourcePolicyNotFoundException{}, &cttypes.ResourcePolicyNotValidException{},
		&cttypes.ResourceTypeNotSupportedException{}, &cttypes.S3BucketDoesNotExistException{}, &cttypes.ServiceQuotaExceededException{}, &cttypes.TagsLimitExceededException{},
		&cttypes.ThrottlingException{}, &cttypes.TrailAlreadyExistsException{}, &cttypes.TrailNotFoundException{}, &cttypes.TrailNotProvidedException{}, &cttypes.UnsupportedOperationException{},
	},
	"organizations": {
		&orgtypes.AWSOrganizationsNotInUseException{}, &orgtypes.AccessDeniedException{}, &orgtypes.AccessDeniedForDependencyException{}, &orgtypes.AccountAlreadyClosedException{},
		&orgtypes.AccountAlreadyRegisteredException{}, &orgtypes.AccountNotFoundException{}, &orgtypes.AccountNotRegisteredException{}, &orgtypes.AccountOwnerNotVerifiedException{},
		&orgtypes.AlreadyInOrganizationException{}, &orgtypes.ChildNotFoundException{}, &orgtypes.ConcurrentModificationException{}, &orgtypes.ConflictException{},
		&orgtypes.ConstraintViolationException{}, &orgtypes.CreateAccountStatusNotFoundException{}, &orgtypes.DestinationParentNotFoundException{}, &orgtypes.DuplicateAccountException{},
		&orgtypes.DuplicateHandshakeException{}, &orgtypes.DuplicateOrganizationalUnitException{}, &orgtypes.DuplicatePolicyAttachmentException{}, &orgtypes.DuplicatePolicyException{},
		&orgtypes.EffectivePolicyNotFoundException{}, &orgtypes.FinalizingOrganizationException{}, &orgtypes.HandshakeAlreadyInStateException{}, &orgtypes.HandshakeConstraintViolationException{},
		&orgtypes.HandshakeNotFoundException{}, &orgtypes.InvalidHandshakeTransitionException{}, &orgtypes.InvalidInputException{}, &orgtypes.InvalidResponsibilityTransferTransitionException{},
		&orgtypes.MalformedPolicyDocumentException{}, &orgtypes.MasterCannotLeaveOrganizationException{}, &orgtypes.OrganizationNotEmptyException{},
		&orgtypes.OrganizationalUnitNotEmptyException{}, &orgtypes.OrganizationalUnitNotFoundException{}, &orgtypes.ParentNotFoundException{}, &orgtypes.PolicyChangesInProgressException{},
		&orgtypes.PolicyInUseException{}, &orgtypes.PolicyNotAttachedException{}, &orgtypes.PolicyNotFoundException{}, &orgtypes.PolicyTypeAlreadyEnabledException{},
		&orgtypes.PolicyTypeNotAvailableForOrganizationException{}, &orgtypes.PolicyTypeNotEnabledException{}, &orgtypes.ResourcePolicyNotFoundException{},
		&orgtypes.ResponsibilityTransferAlreadyInStatusException{}, &orgtypes.ResponsibilityTransferNotFoundException{}, &orgtypes.RootNotFoundException{}, &orgtypes.ServiceException{},
		&orgtypes.SourceParentNotFoundException{}, &orgtypes.TargetNotFoundException{}, &orgtypes.TooManyRequestsException{}, &orgtypes.UnsupportedAPIEndpointException{},
	},
}

// answered calls an operation of the service whose published errors hold the
// exception (any operation when none is named) and answers err.
func answered(t *testing.T, service, opName string, in any, err error) (error, *http.Response) {
	t.Helper()
	var res *http.Response
	cl := clients[service](config(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		WriteError(w, service, "5d0c5c5a-0000-7000-8000-000000000001", err)
		res = w.Result()
		res.Request = r
		return res, nil
	}))
	out := reflect.ValueOf(cl).MethodByName(opName).Call([]reflect.Value{reflect.ValueOf(context.Background()), reflect.ValueOf(in)})
	got, _ := out[1].Interface().(error)
	return got, res
}

// Every modelled error reaches an SDK client as its Go type, with code,
// message, request id and the published status, from every operation that is
// published with it.
func TestModelledErrors(t *testing.T) {
	for service, all := range exceptions {
		table := services[service].table()
		if len(all) != len(table.codes) {
			t.Errorf("%s: %d exceptions listed, the facts have %d", service, len(all), len(table.codes))
		}
		for _, e := range all {
			e := reflect.New(reflect.TypeOf(e).Elem())
			name := e.Type().Elem().Name()
			message := "The <thing> & \"name\" é\r\n" + name
			e.Elem().FieldByName("Message").Set(reflect.ValueOf(&message))
			n := 0
			for _, op := range Operations(service) {
				if n == 3 || !strings.Contains(" "+strings.Join(op.Errors, " ")+" ", " "+name+" ") {
					continue
				}
				n++
				f := &filler{Rand: newRand(1), text: "x"}
				in := op.NewInput()
				f.fill(reflect.ValueOf(in).Elem(), 0)
				sent := fmt.Errorf("command: %w", e.Interface().(error)) // wrapped, as commands may
				got, res := answered(t, service, op.Name, in, sent)
				target := reflect.New(e.Type())
				if !errors.As(got, target.Interface()) {
					t.Fatalf("%s.%s answering %s: the client got %v", service, op.Name, name, got)
				}
				api := target.Elem().Interface().(smithy.APIError)
				if api.ErrorCode() != e.Interface().(smithy.APIError).ErrorCode() {
					t.Errorf("%s: code %s", name, api.ErrorCode())
				}
				if want := message; api.ErrorMessage() != want && name != "ServiceFailureException" {
					t.Errorf("%s: message %q, want %q", name, api.ErrorMessage(), want)
				}
				want := table.status[table.codes[name]]
				if want == 0 {
					if want = 400; api.ErrorFault() == smithy.FaultServer {
						want = 500
					}
				}
				if res.StatusCode != want {
					t.Errorf("%s: status %d, want %d", name, res.StatusCode, want)
				}
				if !strings.Contains(got.Error(), "5d0c5c5a-0000-7000-8000-000000000001") {
					t.Errorf("%s: no request id in %v", name, got)
				}
			}
			if n == 0 && name != "ThrottlingException" && name != "RegionDisabledException" {
				t.Logf("%s: no operation is published with %s", service, name)
			}
		}
	}
}

// The errors all services share, as each protocol spells them.
func TestCommonErrors(t *testing.T) {
	api := func(code, message string) error {
		return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
	}
	for _, c := range []struct {
		err                    error
		query, json            string
		queryStatus, jsonState int
		message                string
	}{
		{&sigv4.Error{Code: "SignatureDoesNotMatch", Message: "m"}, "SignatureDoesNotMatch", "InvalidSignatureException", 403, 400, "m"},
		{&sigv4.Error{Code: "MissingAuthenticationToken", Message: "m"}, "MissingAuthenticationToken", "MissingAuthenticationTokenException", 403, 400, "m"},
		{&sigv4.Error{Code: "IncompleteSignature", Message: "m"}, "IncompleteSignature", "IncompleteSignatureException", 400, 400, "m"},
		{sigv4.InvalidToken(), "InvalidClientTokenId", "UnrecognizedClientException", 403, 400, "The security token included in the request is invalid."},
		{sigv4.ExpiredToken(), "ExpiredToken", "ExpiredTokenException", 403, 400, "The security token included in the request is expired"},
		{&sigv4.Error{Code: "RequestExpired", Message: "m"}, "RequestExpired", "RequestExpired", 400, 400, "m"},
		{api("AccessDenied", "m"), "AccessDenied", "AccessDeniedException", 403, 400, "m"},
		{api("InvalidAction", "m"), "InvalidAction", "UnknownOperationException", 400, 400, "m"},
		{api("Throttling", "Rate exceeded"), "Throttling", "ThrottlingException", 400, 400, "Rate exceeded"},
		{api("ServiceUnavailable", "m"), "ServiceUnavailable", "ServiceUnavailableException", 503, 503, "m"},
		{api("ValidationError", "m"), "ValidationError", "ValidationException", 400, 400, "m"},
		{api("RequestEntityTooLarge", "m"), "RequestEntityTooLarge", "RequestEntityTooLarge", 413, 413, "m"},
		{&http.MaxBytesError{Limit: 1}, "RequestEntityTooLarge", "RequestEntityTooLarge", 413, 413, "The request is too large."},
		{api("NoSuchCodeAtAll", "m"), "NoSuchCodeAtAll", "NoSuchCodeAtAll", 400, 400, "m"},
		{errors.New("dial tcp 10.0.0.1: secret"), "InternalFailure", "InternalFailure", 500, 500, internalMessage},
		{fmt.Errorf("a: %w", io.ErrUnexpectedEOF), "InternalFailure", "InternalFailure", 500, 500, internalMessage},
		{&smithy.GenericAPIError{Code: "InternalFailure", Message: "secret", Fault: smithy.FaultServer}, "InternalFailure", "InternalFailure", 500, 500, internalMessage},
		{&iamtypes.ServiceFailureException{Message: aws.String("secret")}, "ServiceFailure", "InternalFailure", 500, 500, internalMessage},
		{nil, "InternalFailure", "InternalFailure", 500, 500, internalMessage},
	} {
		for service, want := range map[string]struct {
			code   string
			status int
		}{"iam": {c.query, c.queryStatus}, "sts": {c.query, c.queryStatus}, "cloudtrail": {c.json, c.jsonState}} {
			opName, in := "GetUser", any(&iam.GetUserInput{})
			switch service {
			case "sts":
				opName, in = "GetCallerIdentity", &sts.GetCallerIdentityInput{}
			case "cloudtrail":
				opName, in = "LookupEvents", &cloudtrail.LookupEventsInput{}
			}
			got, res := answered(t, service, opName, in, c.err)
			var e smithy.APIError
			if !errors.As(got, &e) || e.ErrorCode() != want.code || e.ErrorMessage() != c.message || res.StatusCode != want.status {
				t.Errorf("%s %v: the client got %v, status %d; want %s %d", service, c.err, got, res.StatusCode, want.code, want.status)
			}
			if service == "cloudtrail" && res.Header.Get("X-Amzn-Errortype") != want.code {
				t.Errorf("x-amzn-ErrorType %q", res.Header.Get("X-Amzn-Errortype"))
			}
			if res.Header.Get("X-Amzn-Requestid") == "" {
				t.Error("no x-amzn-RequestId")
			}
		}
	}
}

// An error that is modelled with a reason arrives with it.
func TestReason(t *testing.T) {
	refused := &orgtypes.ConstraintViolationException{Message: aws.String("m"), Reason: orgtypes.ConstraintViolationExceptionReasonOuDepthLimitExceeded}
	got, res := answered(t, "organizations", "CreateOrganizationalUnit", &organizations.CreateOrganizationalUnitInput{Name: aws.String("n"), ParentId: aws.String("r-aaaa")}, refused)
	var e *orgtypes.ConstraintViolationException
	if !errors.As(got, &e) || e.Reason != refused.Reason || e.ErrorMessage() != "m" || res.StatusCode != 400 {
		t.Errorf("the client got %v, status %d", got, res.StatusCode)
	}
}

// The answer as it stands on the wire, once, to the byte.
func TestAnswerBytes(t *testing.T) {
	w := httptest.NewRecorder()
	if err := WriteResponse(w, mustLookup(t, "iam", "CreateUser"), "r-1", createUserOutput()); err != nil {
		t.Fatal(err)
	}
	want := `<CreateUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateUserResult><User><Path>/dev/</Path><UserName>alice</UserName><UserId>AIDAEXAMPLE0000000000</UserId>` +
		`<Arn>arn:aws:iam::123456789012:user/dev/alice</Arn><CreateDate>2023-11-14T22:13:20Z</CreateDate><Tags><member><Key>a</Key><Value>b</Value></member><member><Key>c</Key><Value>d</Value></member></Tags>` +
		`</User></CreateUserResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></CreateUserResponse>`
	if w.Body.String() != want || w.Header().Get("Content-Type") != "text/xml" || w.Header().Get("Content-Length") != fmt.Sprint(len(want)) {
		t.Errorf("got  %s\nwant %s\n%v", w.Body, want, w.Header())
	}
	for _, c := range []struct {
		service, op string
		out         any
		want        string
	}{
		{"iam", "DeleteUser", &iam.DeleteUserOutput{}, `<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DeleteUserResponse>`},
		{"iam", "DeleteUser", nil, `<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DeleteUserResponse>`},
		{"iam", "UpdateRole", &iam.UpdateRoleOutput{}, `<UpdateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><UpdateRoleResult></UpdateRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></UpdateRoleResponse>`},
		{"iam", "ListUsers", &iam.ListUsersOutput{}, `<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users></Users><IsTruncated>false</IsTruncated></ListUsersResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListUsersResponse>`},
		{"cloudtrail", "LookupEvents", &cloudtrail.LookupEventsOutput{}, `{}`},
		{"cloudtrail", "LookupEvents", &cloudtrail.LookupEventsOutput{Events: []cttypes.Event{{EventTime: aws.Time(time.Unix(1_700_000_000, 5e8))}, {EventTime: aws.Time(time.Unix(1_700_000_000, 0))}}}, `{"Events":[{"EventTime":1700000000.500},{"EventTime":1700000000}]}`},
		{"cloudtrail", "StopLogging", &cloudtrail.StopLoggingOutput{}, `{}`},
		{"cloudtrail", "GetChannel", &cloudtrail.GetChannelOutput{Name: aws.String("a\"\\\x01\xff<é\u2028")}, "{\"Name\":\"a\\\"\\\\\\u0001\uFFFD<é\u2028\"}"},
	} {
		b, err := mustLookup(t, c.service, c.op).AppendResponse(nil, "r", c.out)
		if err != nil || string(b) != c.want {
			t.Errorf("%s:\n got %s %v\nwant %s", c.op, b, err, c.want)
		}
	}
	if _, err := mustLookup(t, "iam", "GetUser").AppendResponse(nil, "r", &iam.CreateUserOutput{}); err == nil {
		t.Error("another operation's output is written")
	}
	w = httptest.NewRecorder()
	WriteError(w, "iam", "r-2", &iamtypes.NoSuchEntityException{Message: aws.String("The user with name <b> cannot be found.")})
	if got := w.Body.String(); got != `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name &lt;b&gt; cannot be found.</Message></Error><RequestId>r-2</RequestId></ErrorResponse>` || w.Code != 404 {
		t.Error(w.Code, got)
	}
}

// No stored text makes an answer unreadable: control characters, surrogates,
// bytes that are no text.
func TestAnyTextParses(t *testing.T) {
	op := mustLookup(t, "iam", "CreateUser")
	for c := range 256 {
		checkText(t, op, "a"+string([]byte{byte(c)})+"b")
	}
	for _, s := range []string{"]]>", "<!--", "&amp;", "\uFFFE\uFFFF", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\r\n", " ", "\u0085\u2028", "𝒳"} {
		checkText(t, op, s)
	}
}

// checkText encodes s both ways and reads it back: XML gives s with what XML
// cannot hold replaced, JSON gives s with what is not UTF-8 replaced.
func checkText(t testing.TB, op *Operation, s string) {
	t.Helper()
	out := createUserOutput()
	out.User.UserName = &s
	b, err := op.AppendResponse(nil, s, out)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		User struct{ UserName, Arn string } `xml:"CreateUserResult>User"`
		ID   string                         `xml:"ResponseMetadata>RequestId"`
	}
	if err := xml.Unmarshal(b, &got); err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	want := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return 0xFFFD
		}
		return r
	}, strings.ToValidUTF8(eachInvalid(s), "\uFFFD"))
	if got.User.UserName != want || got.ID != want || got.User.Arn == "" {
		t.Fatalf("%q: XML gave %q, want %q", s, got.User.UserName, want)
	}
	var text string
	if err := json.Unmarshal(appendJSONString(nil, s), &text); err != nil || text != strings.ToValidUTF8(eachInvalid(s), "\uFFFD") {
		t.Fatalf("%q: JSON gave %q (%v)", s, text, err)
	}
}

// eachInvalid replaces every byte that is not UTF-8 by itself, where
// ToValidUTF8 replaces runs.
func eachInvalid(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}
