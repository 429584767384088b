package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

func resourceCommand() *cobra.Command {
	c := &client{}
	cmd := &cobra.Command{Use: "resource", Short: "Resources of other services: their policies and tags", Args: cobra.NoArgs}
	c.flags(cmd)
	cmd.AddCommand(resourcePut(c), resourceGet(c), resourceList(c), resourceDelete(c))
	return cmd
}

func resourcePut(c *client) *cobra.Command {
	var policy string
	var tags map[string]string
	cmd := &cobra.Command{
		Use: "put ARN", Short: "Register a resource, or change its policy or tags; what is not given stays", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := commands.PutResourceInput{ResourceArn: args[0]}
			if cmd.Flags().Changed("policy") {
				text, err := document(cmd, policy)
				if err != nil {
					return err
				}
				in.Policy = &text
			}
			if cmd.Flags().Changed("tag") || cmd.Flags().Changed("no-tags") {
				in.Tags = []types.Tag{}
			}
			for k, v := range tags {
				in.Tags = append(in.Tags, types.Tag{Key: &k, Value: &v})
			}
			return c.call(cmd.Context(), "PutResource", in, &commands.PutResourceOutput{})
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "", `resource-based policy: its text, file://NAME, or - for standard input; "" for none`)
	cmd.Flags().StringToStringVar(&tags, "tag", nil, "KEY=VALUE: all tags of the resource")
	cmd.Flags().Bool("no-tags", false, "take all tags away")
	return cmd
}

// document is a policy that is given as the AWS CLI takes it.
func document(cmd *cobra.Command, from string) (string, error) {
	if from == "-" {
		b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
		return string(b), err
	}
	if name, ok := strings.CutPrefix(from, "file://"); ok {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", failure{exitUsage, err}
		}
		return string(b), nil
	}
	if from != "" && !strings.HasPrefix(strings.TrimSpace(from), "{") {
		return "", failure{exitUsage, errors.New("--policy is a document, file://NAME or -")}
	}
	return from, nil
}

func resourceGet(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get ARN", Short: "Show what is registered of a resource", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out query.GetResourceOutput
			if err := c.call(cmd.Context(), "GetResource", query.GetResourceInput{ResourceArn: args[0]}, &out); err != nil {
				return err
			}
			return showResources(cmd, []query.Resource{out.Resource}, out.Resource)
		},
	}
	outputFlag(cmd)
	return cmd
}

func resourceList(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list [PREFIX]", Short: "List the resources whose ARN begins with a prefix", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := query.ListResourcesInput{}
			if len(args) == 1 {
				in.Prefix = args[0]
			}
			list := []query.Resource{}
			for more := true; more; {
				var out query.ListResourcesOutput
				if err := c.call(cmd.Context(), "ListResources", in, &out); err != nil {
					return err
				}
				list = append(list, out.Resources...)
				in.Marker, more = out.Marker, out.IsTruncated
			}
			return showResources(cmd, list, list)
		},
	}
	outputFlag(cmd)
	return cmd
}

func resourceDelete(c *client) *cobra.Command {
	return &cobra.Command{
		Use: "delete ARN", Short: "Forget a resource, its policy and tags", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd.Context(), "DeleteResource", commands.DeleteResourceInput{ResourceArn: args[0]}, &commands.DeleteResourceOutput{})
		},
	}
}

func showResources(cmd *cobra.Command, list []query.Resource, asIs any) error {
	o, err := output(cmd)
	if err != nil {
		return err
	}
	if o == asJSON {
		return printJSON(asIs)
	}
	var rows [][]string
	for _, r := range list {
		var tags []string
		for _, t := range r.Tags {
			tags = append(tags, t.Key+"="+t.Value)
		}
		statements := "none"
		if r.Policy != "" {
			var p struct{ Statement json.RawMessage }
			statements = "1 statement"
			var all []json.RawMessage
			if json.Unmarshal([]byte(r.Policy), &p) == nil && json.Unmarshal(p.Statement, &all) == nil {
				statements = fmt.Sprint(len(all), " statements")
			}
		}
		rows = append(rows, []string{r.ResourceArn, statements, strings.Join(tags, ","), r.Updated.Format(time.RFC3339)})
	}
	return printTable([]string{"RESOURCE", "POLICY", "TAGS", "UPDATED"}, rows)
}
