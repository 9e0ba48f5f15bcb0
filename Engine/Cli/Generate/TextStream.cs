using System.Text;
using Lean.Engine.Running;
using Lean.Engine.Text;

namespace Lean.Engine.Cli.Generate;

/// <summary>Prints one sequence's text on stdout as it is generated, or its ids where there is no text.</summary>
internal sealed class TextStream(OutputText? text) : IDisposable
{
    private readonly Stream _output = Console.OpenStandardOutput();
    private int _printed;

    /// <summary>Prints what the token that a sequence has just got makes certain.</summary>
    public void Append(Sequence sequence)
    {
        if (text is null)
        {
            Write($"{(sequence.Generated == 1 ? "" : ",")}{sequence.Output[^1]}");
        }
        else
        {
            WriteCertain();
        }
    }

    /// <summary>Ends the text and its line.</summary>
    public void End()
    {
        WriteCertain();
        Write("\n");
    }

    public void Dispose() => _output.Dispose();

    private void WriteCertain()
    {
        if (text is not null)
        {
            Write(text.Certain[_printed..]);
            _printed = text.Certain.Length;
        }
    }

    private void Write(ReadOnlySpan<char> characters)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(characters.Length)];
        _output.Write(bytes.AsSpan(0, Encoding.UTF8.GetBytes(characters, bytes)));
        _output.Flush();
    }
}
