using Lean.Engine.Cli.Generate;
using Lean.Engine.Running;
using Lean.Engine.Text;

namespace Lean.Engine.Cli.Chat;

/// <summary>Answers in a chat, one at a time; Ctrl-C ends the answer and not the program.</summary>
/// <param name="model">The model.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="options">Limits of a step.</param>
/// <param name="request">How to generate for a prompt.</param>
internal sealed class ChatTurns(LoadedModel model, Tokenizer tokenizer, EngineOptions options, Func<int[], GenerationRequest> request) : IDisposable
{
    private volatile bool _answering;
    private volatile bool _stopped;

    /// <summary>Listens for Ctrl-C.</summary>
    public void Listen() => Console.CancelKeyPress += Stop;

    /// <summary>Prints the answer to a prompt as it comes, and returns its text.</summary>
    public string Answer(int[] prompt)
    {
        (_stopped, _answering) = (false, true);
        try
        {
            using var run = new GenerationRun(model, [request(prompt)], options, tokenizer);
            using var stream = new TextStream(run.Text(0));
            run.Complete(_ => stream.Append(run.Sequences[0]), () => _stopped);
            stream.End();
            new GenerationReport(model, run, tokenizer).ThrowFaults();
            return run.Text(0)!.Certain.ToString();
        }
        finally
        {
            _answering = false;
        }
    }

    public void Dispose() => Console.CancelKeyPress -= Stop;

    // Between answers there is nothing to stop but the program.
    private void Stop(object? sender, ConsoleCancelEventArgs e)
    {
        e.Cancel = _answering;
        _stopped = _answering;
    }
}
