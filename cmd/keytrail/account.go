package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/commands"
)

func accountCommand() *cobra.Command {
	c := &client{}
	cmd := &cobra.Command{Use: "account", Short: "Accounts of this server", Args: cobra.NoArgs}
	c.flags(cmd)
	var in commands.CreateAccountInput
	create := &cobra.Command{
		Use: "create", Short: "Make a further account and show its root user's keys once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out commands.CreateAccountOutput
			if err := c.call(cmd.Context(), "CreateAccount", in, &out); err != nil {
				return err
			}
			o, err := output(cmd)
			if err != nil {
				return err
			}
			if o == asJSON {
				return printJSON(out)
			}
			fmt.Printf("account\t%s\naccess key\t%s\nsecret\t%s\n", out.AccountID, out.AccessKeyID, out.SecretAccessKey)
			return nil
		},
	}
	create.Flags().StringVar(&in.AccountName, "name", "", "name of the account")
	create.Flags().StringVar(&in.AccountID, "id", "", "12 digits (default: by chance)")
	outputFlag(create)
	cmd.AddCommand(create)
	return cmd
}
