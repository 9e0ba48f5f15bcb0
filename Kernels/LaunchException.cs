namespace Lean.Kernels;

/// <summary>An op was called with tensors that do not fit together: a fault in Lean, not in the user's input.</summary>
public sealed class LaunchException : Exception
{
    /// <summary>Names the op, the argument, what it is and what was expected.</summary>
    public LaunchException(string message) : base(message)
    {
    }
}
