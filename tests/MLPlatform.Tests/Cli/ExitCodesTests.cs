using MLPlatform.Cli.Framework;
using MLPlatform.Core;
using Xunit;

namespace MLPlatform.Tests.Cli;

public sealed class ExitCodesTests
{
    [Fact]
    public void From_EveryError_HasItsRow()
    {
        foreach (CacheError error in Enum.GetValues<CacheError>())
        {
            int expected = error switch
            {
                CacheError.Interrupted => 130,
                CacheError.Configuration => 2,
                _ => 1,
            };
            Assert.Equal(expected, ExitCodes.From(error));
        }
    }
}
