namespace Lean.Kernels.Tests;

/// <summary>Collects what went wrong over many cases, so that one run shows the pattern.</summary>
public sealed class Failures
{
    private readonly List<string> _messages = [];
    private int _checks;

    /// <summary>Counts a check; null is a pass.</summary>
    public void Add(string name, string? fault)
    {
        _checks++;
        if (fault is not null)
        {
            _messages.Add($"{name}: {fault}");
        }
    }

    /// <summary>Runs a check that may itself fail (a redzone, a launch check) and counts it.</summary>
    public void Try(string name, Func<string?> check)
    {
        string? fault;
        try
        {
            fault = check();
        }
        catch (Exception e) when (e is Xunit.Sdk.XunitException or LaunchException)
        {
            fault = e.Message;
        }

        Add(name, fault);
    }

    /// <summary>Fails the test with the first twelve faults.</summary>
    public void Assert()
    {
        Xunit.Assert.True(_checks > 0, "nothing was checked");
        Xunit.Assert.True(
            _messages.Count == 0,
            $"{_messages.Count} of {_checks} checks failed:\n  " + string.Join("\n  ", _messages.Take(12)));
    }
}
