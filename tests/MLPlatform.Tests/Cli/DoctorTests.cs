using System.Net.Http.Headers;
using System.Text.Json;
using MLPlatform.Cli.Doctor;
using MLPlatform.UnderStore;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class DoctorTests
{
    [Theory]
    [InlineData(0, "Ok")]
    [InlineData(30, "Ok")]
    [InlineData(-90, "Warn")]
    [InlineData(1000, "Fail")]
    [InlineData(-1000, "Fail")]
    public void Clock_Skewed_IsJudgedAsS3Does(int seconds, string expected)
    {
        DateTimeOffset now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        using HttpResponseMessage response = new();
        HttpResponseHeaders headers = response.Headers;
        headers.Date = now.AddSeconds(seconds);
        Assert.Equal(expected, StoreChecks.Clock(headers, now).Status.ToString());
    }

    [Theory]
    [InlineData("", "Warn", "metadata service")]
    [InlineData("AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=hunter2", "Ok", "environment")]
    [InlineData("AWS_ACCESS_KEY_ID=a", "Fail", "without AWS_SECRET_ACCESS_KEY")]
    [InlineData("AWS_WEB_IDENTITY_TOKEN_FILE=/there", "Ok", "web identity")]
    [InlineData("AWS_WEB_IDENTITY_TOKEN_FILE=/gone", "Fail", "/gone")]
    [InlineData("HOME=/there", "Ok", "profile 'default'")]
    [InlineData("HOME=/there AWS_PROFILE=work", "Ok", "profile 'work'")]
    [InlineData("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://x", "Ok", "container")]
    public void Credentials_WhereTheChainFindsThem_IsToldWithoutTheSecret(string variables, string expected, string part)
    {
        Dictionary<string, string> environment = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static v => v.Split('=', 2)).ToDictionary(static v => v[0], static v => v[1]);
        Finding finding = CredentialChecks.Run(new UnderStoreOptions(), environment.GetValueOrDefault, static p => p.StartsWith("/there", StringComparison.Ordinal));
        Assert.Equal(expected, finding.Status.ToString());
        Assert.Contains(part, finding.What, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", finding.What + finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Credentials_AnonymousOrByReference_NeedNoChain()
    {
        Assert.Equal(FindingStatus.Ok, CredentialChecks.Run(new UnderStoreOptions { Anonymous = true }, static _ => null, static _ => false).Status);
        Assert.Equal(FindingStatus.Fail, CredentialChecks.Run(new UnderStoreOptions { Credentials = "file:/gone" }, static _ => null, static _ => false).Status);
    }

    [Theory]
    [InlineData(null, "Ok")]
    [InlineData(4L << 30, "Ok")]
    [InlineData(256L << 20, "Warn")]
    public void Memory_CgroupBelowTheBudget_IsWarnedOf(long? limit, string expected) => Assert.Equal(expected, ResourceChecks.Memory(limit, 512L << 20).Status.ToString());

    [Theory]
    [InlineData("Max open files            1024                 1048576              files     ", "Ok")]
    [InlineData("Max open files            unlimited            unlimited            files     ", "Ok")]
    [InlineData("Max open files            256                  256                  files     ", "Warn")]
    public void Descriptors_FewAllowed_IsWarnedOf(string line, string expected) => Assert.Equal(expected, ResourceChecks.Descriptors(["Limit  Soft  Hard  Units", line]).Status.ToString());

    [Fact]
    public void Kernel_Old_IsWarnedOf()
    {
        Assert.Equal(FindingStatus.Ok, KernelChecks.Kernel(new Version(6, 18)).Status);
        Assert.Equal(FindingStatus.Warn, KernelChecks.Kernel(new Version(4, 19)).Status);
    }

    [Fact]
    public void AllowOther_CommentedOut_IsNotSet()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "# mount_max = 1000\n#user_allow_other\n");
            Assert.Equal(FindingStatus.Warn, KernelChecks.AllowOther(path).Status);
            File.AppendAllText(path, "user_allow_other\n");
            Assert.Equal(FindingStatus.Ok, KernelChecks.AllowOther(path).Status);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Equal(FindingStatus.Warn, KernelChecks.AllowOther("/nonexistent").Status);
    }

    [Fact]
    public async Task Doctor_SourceThatDoesNotAnswer_FailsWithARemedy()
    {
        (int code, string output, _) = await CliRun.RunAsync(["doctor", "--json", "--anonymous", "--endpoint-url", "http://127.0.0.1:9", "s3://bucket"]);
        Assert.Equal(1, code);
        using JsonDocument document = JsonDocument.Parse(output);
        foreach (JsonElement check in document.RootElement.GetProperty("checks").EnumerateArray())
        {
            Assert.True(check.GetProperty("status").GetString() == "ok" || check.GetProperty("remedy").GetString()!.Length > 0, check.ToString());
        }

        Assert.Contains(document.RootElement.GetProperty("checks").EnumerateArray(), static c => c.GetProperty("name").GetString() == "endpoint" && c.GetProperty("status").GetString() == "fail");
    }
}
