using Lean.Engine.Chat;
using Lean.Tensors;

namespace Lean.Engine.Cli.Chat;

/// <summary>A chat on a terminal: what the user types, what the model answers, and all of it again for the next answer.</summary>
/// <param name="prompts">Makes prompts of conversations.</param>
/// <param name="input">What the user types.</param>
/// <param name="output">Where the prompt mark goes.</param>
internal sealed class ChatSession(ChatPrompts prompts, TextReader input, TextWriter output)
{
    private const string Mark = "> ";

    /// <summary>Talks until the user leaves.</summary>
    /// <param name="answer">Prints the answer to a prompt as it comes, and returns its text.</param>
    /// <exception cref="InputException">There is no template, or it fails on the first thing the user says.</exception>
    public void Run(Func<int[], string> answer)
    {
        Conversation conversation = prompts.Begin();
        output.WriteLine("/reset begins anew, /exit or Ctrl-D ends, Ctrl-C stops an answer");
        while (Read() is { } line)
        {
            switch (line.Trim())
            {
                case "":
                    break;
                case "/exit":
                    return;
                case "/reset":
                    conversation = prompts.Begin();
                    break;
                default:
                    Say(conversation, line, answer);
                    break;
            }
        }

        output.WriteLine();
    }

    private string? Read()
    {
        output.Write(Mark);
        output.Flush();
        return input.ReadLine();
    }

    // A conversation that cannot go on, such as one that is too long, leaves the user at the mark and not at the shell.
    private void Say(Conversation conversation, string line, Func<int[], string> answer)
    {
        conversation.Add("user", line);
        try
        {
            conversation.Add("assistant", answer(prompts.Encode(conversation)));
        }
        catch (InputException e)
        {
            conversation.RemoveLast();
            output.WriteLine($"{e.Message} (/reset begins anew)");
        }
    }
}
