namespace Lean.Tensors.Tests.Errors;

public sealed class SentenceTests
{
    [Theory]
    [InlineData("a\nb", "a·b")]
    [InlineData("a\r\n b", "a·· b")]
    [InlineData("\u001b[2Jgone\0", "·[2Jgone·")]
    [InlineData("list:\n   at one", "list:·   at one")]
    [InlineData("é 🙂 \u0085", "é 🙂 ·")]
    public void A_terminal_obeys_nothing_that_a_file_put_into_a_message(string message, string shown)
    {
        Assert.Equal(shown, new InputException(message).Message);
        Assert.Equal(shown, new MachineException(message).Message);
    }

    [Fact]
    public void Half_a_surrogate_pair_is_replaced() =>
        Assert.Equal("half \uFFFD of a pair", new InputException("half " + '\ud83d' + " of a pair").Message);

    [Fact]
    public void The_middle_of_an_endless_message_is_left_out()
    {
        string message = new InputException($"begin {new string('x', 100_000)} end").Message;
        Assert.Equal(8000, message.Length);
        Assert.StartsWith("begin xxx", message, StringComparison.Ordinal);
        Assert.EndsWith("xxx end", message, StringComparison.Ordinal);
        Assert.Contains(" … ", message, StringComparison.Ordinal);
    }
}
