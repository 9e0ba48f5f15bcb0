namespace Lean.Tensors;

/// <summary>
/// A failure whose message is for the user: one sentence that names the thing, what was expected and what was found.
/// The command line prints the message, never a stack trace, and ends with <see cref="ExitCode"/>.
/// </summary>
public abstract class LeanException : Exception
{
    private protected LeanException(string message, Exception? inner = null) : base(Sentence.Of(message), inner)
    {
    }

    /// <summary>The process's exit code: 1 where the machine failed, 2 for wrong usage or bad input.</summary>
    public abstract int ExitCode { get; }
}
