using System.Text;
using Lean.Engine.Running;
using Lean.Engine.Text;

namespace Lean.Engine.Cli.Generate;

/// <summary>Prints one sequence's text on stdout as it is generated, or its ids where there is no tokenizer.</summary>
internal sealed class TextStream(Tokenizer? tokenizer, IReadOnlyCollection<int> endTokens) : IDisposable
{
    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly Detokenizer? _detokenizer = tokenizer is null ? null : new Detokenizer(tokenizer, skipSpecial: true);

    /// <summary>Prints the token that a sequence has just got.</summary>
    public void Append(Sequence sequence)
    {
        int token = sequence.Output[^1];
        if (_detokenizer is null)
        {
            Write($"{(sequence.Generated == 1 ? "" : ",")}{token}");
        }
        else if (sequence.Request.IgnoreEndOfSequence || !endTokens.Contains(token))
        {
            Write(_detokenizer.Append(token));
        }
    }

    /// <summary>Ends the text and its line.</summary>
    public void End() => Write((_detokenizer?.Flush() ?? "") + "\n");

    public void Dispose() => _output.Dispose();

    private void Write(string text)
    {
        _output.Write(Encoding.UTF8.GetBytes(text));
        _output.Flush();
    }
}
