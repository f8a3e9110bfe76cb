using FsCheck;
using FsCheck.Fluent;
using RollbackConsole.Domain.Library;
using RollbackConsole.Domain.Plans;

namespace RollbackConsole.Domain.Tests;

public sealed class DurationTests
{
    [Theory]
    [InlineData("90s", 90)]
    [InlineData("5m", 300)]
    [InlineData("1h30m", 5400)]
    [InlineData("1d", 86400)]
    public void Durations_read_as_people_write_them(string text, int seconds)
    {
        Assert.True(Duration.TryParse(text, out var value));
        Assert.Equal(seconds, value.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("5 m")]
    [InlineData("-5m")]
    [InlineData("5m1h")]
    [InlineData("5m5m")]
    [InlineData("9999999999d")]
    [InlineData("400d")]
    [InlineData("m")]
    public void Anything_else_is_no_duration(string text) => Assert.False(Duration.TryParse(text, out _));

    [Fact]
    public void Every_duration_survives_being_written_and_read() => Prop.ForAll(ArbMap.Default.ArbFor<int>(), n =>
    {
        var value = TimeSpan.FromMilliseconds(Math.Abs((long)n) % (365L * 86_400_000));
        Assert.True(Duration.TryParse(Duration.Format(value), out var read));
        Assert.Equal(value, read);
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(int.MaxValue / 2));
}
