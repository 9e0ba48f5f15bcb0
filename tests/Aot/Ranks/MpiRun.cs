using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Lean.Aot.Tests.Ranks;

/// <summary>The published binary on several processes, started by mpirun.</summary>
internal sealed partial class MpiRun : IDisposable
{
    private const string RankVariable = "OMPI_COMM_WORLD_RANK=";

    // Where one process has ended badly, mpirun always sleeps for so many seconds between its first kill and its second: long
    // enough for the others to say why they end, and short where nothing is to be said.
    private const string LastWords = "3", NoWords = "1";

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _dumps = Directory.CreateTempSubdirectory("lean-ranks-");
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string> _errors = [];
    private readonly Dictionary<string, string> _ranks = [];

    private MpiRun(int ranks, string lastWords, string[] arguments)
    {
        string[] options = ["--allow-run-as-root", "--oversubscribe", "--mca", "odls_base_sigkill_timeout", lastWords, "-n", $"{ranks}"];
        var start = new ProcessStartInfo("mpirun", [.. options, LeanRun.Binary, .. arguments])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            WorkingDirectory = "/",
        };
        start.Environment["LEAN_DUMP_DIR"] = _dumps.FullName;
        start.Environment["OMPI_MCA_mpi_yield_when_idle"] = "1";

        // mpirun gives its ranks a terminal, which .NET would greet with its escapes.
        start.Environment["TERM"] = "dumb";
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        _output = _process.StandardOutput.ReadToEndAsync();
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.BeginErrorReadLine();
    }

    /// <summary>Why there are no such runs here, or null.</summary>
    internal static string? WhyNot { get; } =
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(static f => File.Exists(Path.Combine(f, "mpirun"))) ? null : "mpirun (openmpi-bin) is not installed";

    /// <summary>What stderr said.</summary>
    internal string Errors
    {
        get
        {
            lock (_errors)
            {
                return string.Join('\n', _errors);
            }
        }
    }

    /// <summary>The dumps that ranks left.</summary>
    internal string[] Dumps => [.. _dumps.EnumerateFiles("*.ring").Select(static f => f.FullName)];

    /// <summary>Starts one.</summary>
    internal static MpiRun Start(int ranks, params string[] arguments)
    {
        Assert.SkipWhen(WhyNot is not null, WhyNot ?? "");
        return new MpiRun(ranks, LastWords, arguments);
    }

    /// <summary>Runs one to its end.</summary>
    internal static async Task<LeanRun> Of(int ranks, params string[] arguments)
    {
        Assert.SkipWhen(WhyNot is not null, WhyNot ?? "");
        using var run = new MpiRun(ranks, NoWords, arguments);
        return await run.Ended();
    }

    /// <summary>Waits until a server listens.</summary>
    internal async Task<HttpClient> Client() => new() { BaseAddress = await _address.Task.WaitAsync(s_patience, TestContext.Current.CancellationToken), Timeout = s_patience };

    /// <summary>Sends a signal to one rank.</summary>
    internal void Signal(int rank, string signal)
    {
        if (_ranks.Count == 0)
        {
            // While all are there: later, mpirun may have some that have ended.
            foreach (string child in File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                string[] variables = File.ReadAllText($"/proc/{child}/environ").Split('\0');
                _ranks[variables.Single(static v => v.StartsWith(RankVariable, StringComparison.Ordinal))[RankVariable.Length..]] = child;
            }
        }

        using Process kill = Process.Start("/bin/kill", [$"-{signal}", _ranks[rank.ToString(CultureInfo.InvariantCulture)]]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    internal async Task<LeanRun> Ended()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(s_patience, TestContext.Current.CancellationToken);
        return new LeanRun(_process.ExitCode, await _output, Errors);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
        _dumps.Delete(recursive: true);
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            _ = _address.TrySetException(new InvalidOperationException($"the server ended: {Errors}"));
            return;
        }

        lock (_errors)
        {
            _errors.Add(line);
        }

        if (Serving().Match(line) is { Success: true } match)
        {
            _ = _address.TrySetResult(new Uri($"{match.Groups[1].Value}/"));
        }
    }

    [GeneratedRegex("Serving .* at (http://[0-9.:]+)")]
    private static partial Regex Serving();
}
