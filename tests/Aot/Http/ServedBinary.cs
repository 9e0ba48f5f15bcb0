using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Lean.Aot.Tests.Http;

/// <summary>The published binary as a server on a port of its own.</summary>
internal sealed partial class ServedBinary : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _rest;

    private ServedBinary(Process process, Uri address, string log)
    {
        (_process, Address, Log) = (process, address, log);
        _rest = process.StandardError.ReadToEndAsync();
        Client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(2) };
    }

    /// <summary>Where it listens.</summary>
    internal Uri Address { get; }

    /// <summary>Asks it.</summary>
    internal HttpClient Client { get; }

    /// <summary>What it logged until it listened.</summary>
    internal string Log { get; }

    /// <summary>Starts it with the demo, or as options say.</summary>
    internal static ServedBinary Start(params string[] options) => Start([], options);

    /// <summary>Starts it with an environment.</summary>
    internal static ServedBinary Start((string Name, string Value)[] environment, params string[] options)
    {
        LeanRun.Of("--version").Good();
        string[] port = options.Contains("--port") ? [] : ["--port", "0"];

        // A shell that runs these tests in the background lets them ignore SIGINT, and the server would inherit that.
        var start = new ProcessStartInfo("/usr/bin/env", ["--default-signal=INT", LeanRun.Binary, "serve", .. port, "--cache-memory", "64MiB", .. options])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        Process process = Process.Start(start)!;
        var log = new List<string>();
        while (process.StandardError.ReadLine() is { } line)
        {
            log.Add(line);
            if (Serving().Match(line) is { Success: true } match)
            {
                return new ServedBinary(process, new Uri($"{match.Value.TrimEnd('"')}/"), string.Join('\n', log));
            }
        }

        process.WaitForExit();
        throw new InvalidOperationException($"the server ended with exit code {process.ExitCode}: {string.Join('\n', log)}");
    }

    /// <summary>Sends it a signal.</summary>
    internal void Signal(PosixSignal signal)
    {
        int number = signal switch { PosixSignal.SIGTERM => 15, PosixSignal.SIGINT => 2, _ => 9 };
        using Process kill = Process.Start("/bin/kill", [$"-{number.ToString(CultureInfo.InvariantCulture)}", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    internal async Task<(int ExitCode, string Log)> Ended()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        return (_process.ExitCode, await _rest);
    }

    /// <summary>Memory it has, in bytes.</summary>
    internal long Memory()
    {
        _process.Refresh();
        return _process.WorkingSet64;
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    [GeneratedRegex("https?://[0-9.:]+")]
    private static partial Regex Serving();
}
