namespace Lean.Engine.Chat.Answers;

/// <summary>Reads the calls in an answer, in the format that the chat template asks the model for.</summary>
internal abstract class ToolCallReader
{
    /// <summary>Ends a call in every format.</summary>
    protected const string Close = "</tool_call>";

    /// <summary>Begins a call in every format.</summary>
    protected const string Open = "<tool_call>";

    /// <summary>Calls begun so far.</summary>
    public int Count { get; protected set; }

    /// <summary>Whether what was read last is a call, and no text that looked like one.</summary>
    public abstract bool WasCall { get; }

    /// <summary>Where the first call of a text begins, or −1.</summary>
    public virtual int Find(ReadOnlySpan<char> text) => text.IndexOf(Open, StringComparison.Ordinal);

    /// <summary>How much of a text's end may be the beginning of a call.</summary>
    public virtual int Held(ReadOnlySpan<char> text) => AnswerParser.Held(text, Open);

    /// <summary>Takes a piece of a call, from its mark on. What turns out to be no call is content.</summary>
    /// <param name="text">What has come and was not taken.</param>
    /// <param name="isEnd">Whether nothing more comes.</param>
    /// <param name="parts">Receives what is certain now.</param>
    /// <param name="taken">How much was taken.</param>
    /// <returns>Whether the call is over.</returns>
    public abstract bool Read(ReadOnlySpan<char> text, bool isEnd, List<AnswerPart> parts, out int taken);
}
