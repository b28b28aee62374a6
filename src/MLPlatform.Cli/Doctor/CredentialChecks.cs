using MLPlatform.UnderStore;

namespace MLPlatform.Cli.Doctor;

/// <summary>Where S3 credentials would come from, in the order of the AWS SDKs' chain. Looks at names only; never reads a secret.</summary>
internal static class CredentialChecks
{
    private const string Name = "credentials";

    public static Finding Run(UnderStoreOptions options, Func<string, string?> environment, Func<string, bool> fileExists)
    {
        if (options.Anonymous)
        {
            return Finding.Ok(Name, "none needed: requests are unsigned (--anonymous)");
        }

        if (options.Credentials is { } reference)
        {
            if (reference.StartsWith("file:", StringComparison.Ordinal) && !fileExists(reference["file:".Length..]))
            {
                return Finding.Fail(Name, $"the file {reference["file:".Length..]} of --credentials does not exist", "correct --credentials");
            }

            return Finding.Ok(Name, $"by reference: {reference}");
        }

        if (IsSet("AWS_ACCESS_KEY_ID"))
        {
            return IsSet("AWS_SECRET_ACCESS_KEY")
                ? Finding.Ok(Name, "from the environment (AWS_ACCESS_KEY_ID)")
                : Finding.Fail(Name, "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY", "set both or neither");
        }

        if (IsSet("AWS_WEB_IDENTITY_TOKEN_FILE"))
        {
            string token = environment("AWS_WEB_IDENTITY_TOKEN_FILE")!;
            return fileExists(token)
                ? Finding.Ok(Name, "from a web identity (AWS_WEB_IDENTITY_TOKEN_FILE), as Kubernetes service accounts give it")
                : Finding.Fail(Name, $"the token {token} of AWS_WEB_IDENTITY_TOKEN_FILE does not exist", "mount the service account's token, or unset the variable");
        }

        string home = environment("HOME") ?? "";
        string shared = environment("AWS_SHARED_CREDENTIALS_FILE") is { Length: > 0 } file ? file : Path.Combine(home, ".aws", "credentials");
        string config = environment("AWS_CONFIG_FILE") is { Length: > 0 } other ? other : Path.Combine(home, ".aws", "config");
        if (fileExists(shared) || fileExists(config))
        {
            string profile = environment("AWS_PROFILE") is { Length: > 0 } name ? name : "default";
            return Finding.Ok(Name, $"profile '{profile}' of {(fileExists(shared) ? shared : config)}");
        }

        if (IsSet("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || IsSet("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
        {
            return Finding.Ok(Name, "from the container's credential service");
        }

        return Finding.Warn(
            Name,
            "none in the environment or in ~/.aws; the machine's metadata service will be asked",
            "outside of AWS set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run 'aws configure', or use --anonymous for a public bucket");

        bool IsSet(string variable) => environment(variable) is { Length: > 0 };
    }
}
