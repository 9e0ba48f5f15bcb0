namespace Lean.Tensors;

/// <summary>Wrong usage or bad input: a file, a request or an option that cannot be used. Exit code 2.</summary>
public sealed class InputException : LeanException
{
    /// <summary>Says what was wrong, in one sentence for the user.</summary>
    public InputException(string message, Exception? inner = null) : base(message, inner)
    {
    }

    /// <inheritdoc/>
    public override int ExitCode => 2;
}
