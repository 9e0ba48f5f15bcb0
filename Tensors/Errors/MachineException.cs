namespace Lean.Tensors;

/// <summary>The machine failed: no memory, a full disk, a lost device. Exit code 1.</summary>
public sealed class MachineException : LeanException
{
    /// <summary>Says what failed, in one sentence for the user.</summary>
    public MachineException(string message, Exception? inner = null) : base(message, inner)
    {
    }

    /// <inheritdoc/>
    public override int ExitCode => 1;
}
